"""What leaves the suite carries no resident number, phone, card or address, and keeps everything else."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatbot.domain.redaction import CARD, EMAIL, PHONE, RESIDENT, redact


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("900101-1234567", RESIDENT),
        ("9001011234567", RESIDENT),
        ("900101 - 1234567", RESIDENT),
        ("051231–4000000", RESIDENT),
        ("850615-5123456", RESIDENT),
        ("900101-1******", RESIDENT),
        ("９００１０１－１２３４５６７", RESIDENT),
        ("900101\u200b-1234567", RESIDENT),
        ("010-1234-5678", PHONE),
        ("01012345678", PHONE),
        ("010 1234 5678", PHONE),
        ("010.1234.5678", PHONE),
        ("010 - 1234 - 5678", PHONE),
        ("０１０－１２３４－５６７８", PHONE),
        ("+82 10-1234-5678", PHONE),
        ("+82-(0)10-1234-5678", PHONE),
        ("821012345678", PHONE),
        ("02-123-4567", PHONE),
        ("02)1234-5678", PHONE),
        ("031-123-4567", PHONE),
        ("0505-123-4567", PHONE),
        ("070-1234-5678", PHONE),
        ("016-123-4567", PHONE),
        ("+1 415-555-2671", PHONE),
        ("+44 20 7946 0958", PHONE),
        ("4111 1111 1111 1111", CARD),
        ("4111-1111-1111-1111", CARD),
        ("4111111111111111", CARD),
        ("5555-5555-5555-4444", CARD),
        ("2223 0000 4841 0010", CARD),
        ("3782 822463 10005", CARD),
        ("6200 0000 0000 0000 000", CARD),
        ("hong.gildong+work@example.co.kr", EMAIL),
        ("a@b.kr", EMAIL),
    ],
)
@pytest.mark.parametrize("frame", ["{}", "내 번호는 {}입니다.", "번호:{}, 끝", "({})", "앞 {} 뒤 5월 3일"])
def test_a_personal_number_becomes_its_kind(number: str, kind: str, frame: str) -> None:
    text, counts = redact(frame.format(number))
    assert text == frame.format(f"[{kind}]")
    assert dict(counts) == {kind: 1}


@pytest.mark.parametrize(
    "text",
    [
        "1993년 12월 25일에 태어났어요",
        "생일은 900101이에요",
        "900101-9234567",
        "901301-1234567",
        "4111 1111 1111 1112",
        "1234567890123456",
        "주문번호 1732423200000",
        "20250604123456",
        "2025-06-04 09:01:00",
        "대표전화 1588-1234",
        "112와 119",
        "가격은 1,234,567,890원",
        "원주율은 3.14159265358979",
        "0.0212345678",
        "버전 1.2.3, 주소 192.168.100.200",
        "10-12345",
        "user@localhost 와 @mention",
        "+ 3 더하기 4",
        "ISBN 978-89-12345-67-8",
    ],
)
def test_what_is_no_personal_number_stays(text: str) -> None:
    assert redact(text) == (text, {})


def test_several_finds_are_counted_by_kind() -> None:
    text, counts = redact("010-1234-5678 또는 010-8765-4321, a@b.kr, 4111111111111111")
    assert text == f"[{PHONE}] 또는 [{PHONE}], [{EMAIL}], [{CARD}]"
    assert counts == {PHONE: 2, EMAIL: 1, CARD: 1}


def test_addresses_can_stay() -> None:
    assert redact("a@b.kr 010-1234-5678", emails=False)[0] == f"a@b.kr [{PHONE}]"


@settings(deadline=None)
@given(st.text(alphabet="0123456789-+. @a한\u200b()", max_size=80))
def test_what_was_redacted_once_is_clean(text: str) -> None:
    once, _ = redact(text)
    assert redact(once) == (once, {})


@settings(deadline=None)
@given(
    st.from_regex(re.compile(r"01[016789]-[0-9]{4}-[0-9]{4}"), fullmatch=True),
    st.text(alphabet="가나다 ,!", max_size=20),
)
def test_no_digit_of_a_phone_number_is_left(number: str, around: str) -> None:
    assert not any(character.isdigit() for character in redact(f"{around}{number}{around}")[0])
