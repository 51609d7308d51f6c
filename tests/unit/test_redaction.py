"""Personal numbers leave no text that leaves the suite, and other numbers stay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.domain.redaction import redact


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("제 번호는 900101-1234567입니다", "제 번호는 [주민등록번호]입니다"),
        ("9001011234567", "[주민등록번호]"),
        ("전화 010-1234-5678로", "전화 [전화번호]로"),
        ("01012345678 또는 02-123-4567, +82 10 1234 5678", "[전화번호] 또는 [전화번호], [전화번호]"),
        ("카드 4111 1111 1111 1111 만료", "카드 [카드번호] 만료"),
        ("kim.a+b@example.co.kr에게", "[이메일]에게"),
        ("두 개: 010-1111-2222 010-3333-4444", "두 개: [전화번호] [전화번호]"),
    ],
)
def test_personal_numbers_are_replaced_by_their_kind(text: str, expected: str) -> None:
    assert redact(text)[0] == expected


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-24 회의",
        "매출 1234567890123원",
        "4111 1111 1111 1112",
        "버전 1.2.3.4",
        "우편번호 04524",
        "901301-1234567",
        "ISBN 978-89-01-23456-7",
        "1 + 1 = 2",
    ],
)
def test_other_numbers_stay(text: str) -> None:
    assert redact(text) == (text, {})


def test_finds_are_counted_by_kind() -> None:
    _, counts = redact("a@b.kr, 010-1234-5678, 010-1234-5679")
    assert counts == {"이메일": 1, "전화번호": 2}


@given(st.text(max_size=300))
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    once, _ = redact(text)
    assert redact(once) == (once, {})
