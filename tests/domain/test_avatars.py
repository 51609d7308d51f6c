"""What is kept of a picture."""

import struct
import zlib

import pytest

from chatbot.domain.avatars import AVATAR_BYTES, AvatarRefused, cleaned, with_card
from chatbot.domain.card_files import PNG, read_card_file


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def head(width: int = 1, height: int = 1, depth: int = 8, colour: int = 2) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))


DATA = chunk(b"IDAT", zlib.compress(b"\x00\x01\x02\x03"))
END = chunk(b"IEND", b"")
PLAIN = PNG + head() + DATA + END


def test_only_what_is_seen_is_kept() -> None:
    hidden = (
        chunk(b"tEXt", b"chara\x00" + b"secret"),
        chunk(b"eXIf", b"secret"),
        chunk(b"acTL", b"secret"),
        chunk(b"prVt", b"secret"),
    )
    gamma = chunk(b"gAMA", b"\x00\x00\xb1\x8f")
    file = PNG + head() + gamma + b"".join(hidden) + DATA + END + b"secret behind the end"
    assert cleaned(file) == PNG + head() + gamma + DATA + END
    assert cleaned(PLAIN) == PLAIN


@pytest.mark.parametrize(
    ("file", "fault"),
    [
        (b"", "png"),
        (b"GIF89a", "png"),
        (PNG, "png"),
        (PNG + head() + END, "png"),
        (PNG + head() + DATA, "png"),
        (PNG + DATA + head() + END, "png"),
        (PNG + head() + head() + DATA + END, "png"),
        (PLAIN[:-20], "png"),
        (PNG + head(depth=3) + DATA + END, "png"),
        (PNG + head(colour=3) + DATA + END, "png"),
        (PNG + chunk(b"IHDR", b"short") + DATA + END, "png"),
        (PNG + head() + chunk(b"tEXt", b"x")[:-1] + b"?" + DATA + END, "png"),
        (PNG + head(width=0) + DATA + END, "side"),
        (PNG + head(width=2049) + DATA + END, "side"),
        (PNG + head(height=2**31 - 1) + DATA + END, "side"),
        (PNG + head() + chunk(b"IDAT", bytes(AVATAR_BYTES)) + END, "size"),
    ],
)
def test_what_is_no_such_picture_is_refused(file: bytes, fault: str) -> None:
    with pytest.raises(AvatarRefused) as refused:
        cleaned(file)
    assert refused.value.fault == fault


def test_a_picture_carries_a_card() -> None:
    carrying = with_card(PLAIN, '{"name": "레이철"}'.encode())
    assert read_card_file(carrying) == {"name": "레이철"}
    assert cleaned(carrying) == PLAIN
