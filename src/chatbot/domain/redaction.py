"""Takes personal numbers out of texts before they leave the suite (a search query, a foreign model).

Only numbers with a form of their own are taken: Korean resident and foreigner registration numbers, phone
numbers, payment cards and e-mail addresses. What is left keeps its meaning: each find becomes its kind.
Digits and hyphens count in all their forms (full width, dashes, invisible characters between them), since
the text comes from keyboards, copies and people who hide a number. A birth date alone, an amount, an order
number or a business line (1588-0000) stays.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping

_HIDDEN = "\u00ad\u200b-\u200d\u2060\ufeff"
_SPACES = " \t\u00a0\u2000-\u200a\u3000"
_DASHES = "\\-\u2010-\u2015\u2212\u3161"

_GAP = f"[{_SPACES}{_DASHES}{_HIDDEN}]{{0,3}}"
"""Between the groups of a number that is written with hyphens or spaces."""

_HALF_WIDTH = {0xFF01 + place: 0x21 + place for place in range(94)}

_PHONE_GAP = f"[{_SPACES}{_DASHES}{_HIDDEN}.)\u00b7/]{{0,3}}"

_ALONE, _ENDS = r"(?<!\d)(?<!\d[.,])", r"(?![.,]?\d)"
"""A number is whole: not a part of a longer one and not the digits of a decimal."""

# Birth date, then century and sex (1-8; foreigners 5-8), then six digits, which people mask themselves.
_RESIDENT = re.compile(
    rf"(?<!\d)\d{{2}}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]){_GAP}[1-8](?:\d{{6}}|[*●xX]{{6}})(?![\d*])"
)
# 13 to 19 digits in groups (ISO/IEC 7812); the Luhn check and the issuer's first digit tell them apart.
_CARD = re.compile(rf"{_ALONE}\d(?:{_GAP}\d){{12,18}}(?!{_GAP}\d)")
# Mobile 010/011/016-019, area codes 02 and 03x-06x, internet 070, personal 050x; with or without +82.
_PHONE = re.compile(
    rf"{_ALONE}(?:\+?82{_PHONE_GAP}\(?0?\)?|0)(?:1[016789]|2|50\d|[3-6][1-5]|70){_PHONE_GAP}\d{{3,4}}"
    rf"{_PHONE_GAP}\d{{4}}{_ENDS}"
)
# Written with a plus, a number is a phone number in any country.
_FOREIGN_PHONE = re.compile(rf"\+[1-9](?:{_PHONE_GAP}\d){{7,14}}{_ENDS}")
# ASCII only: a Korean particle stands right behind an address.
_EMAIL = re.compile(r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]+@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,5}")

_ISSUERS = {13: "4", 14: "3", 15: "3", 16: "234569"}
"""First digits of cards by length: Visa, Diners, American Express, Mastercard, domestic 9, UnionPay."""


def _card(text: str) -> bool:
    """Whether the digits are a card's: an issuer's first digit, and the check of ISO/IEC 7812-1 annex B."""
    digits = [int(character) for character in text if character.isdigit()]
    if str(digits[0]) not in _ISSUERS.get(len(digits), "6"):
        return False
    backwards = digits[::-1]
    doubled = (digit * 2 - 9 if digit > 4 else digit * 2 for digit in backwards[1::2])
    return (sum(backwards[::2]) + sum(doubled)) % 10 == 0


def _always(_: str) -> bool:
    return True


EMAIL, RESIDENT, CARD, PHONE = "이메일", "주민등록번호", "카드번호", "전화번호"

_KINDS: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    (EMAIL, _EMAIL, _always),
    (RESIDENT, _RESIDENT, _always),
    (CARD, _CARD, _card),
    (PHONE, _PHONE, _always),
    (PHONE, _FOREIGN_PHONE, _always),
)


def redact(text: str, *, emails: bool = True) -> tuple[str, Mapping[str, int]]:
    """The text with every find replaced by its kind in brackets, and how many of each were found.

    ``emails`` False leaves addresses, for texts whose subject they may be.
    """
    counts: Counter[str] = Counter()
    for kind, pattern, confirmed in _KINDS:
        if kind == EMAIL and not emails:
            continue
        pieces: list[str] = []
        end = 0
        # Full-width forms have their ASCII ones at a fixed distance, so places stay the same.
        for match in pattern.finditer(text.translate(_HALF_WIDTH)):
            if confirmed(match[0]):
                pieces += text[end : match.start()], f"[{kind}]"
                end = match.end()
                counts[kind] += 1
        text = "".join((*pieces, text[end:]))
    return text, counts
