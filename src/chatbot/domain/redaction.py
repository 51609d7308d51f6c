"""Takes personal numbers out of texts before they leave the suite (a search query, a foreign model).

Only numbers with a form of their own are taken: Korean resident and foreigner registration numbers, phone
numbers, payment cards and e-mail addresses. What is left keeps its meaning: each find becomes its kind.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping

# Birth date, then century and sex (1-8; foreigners 5-8), then six digits; hyphen or space optional.
_RESIDENT = re.compile(r"(?<!\d)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[-– ]?[1-8]\d{6}(?!\d)")
# 13 to 19 digits in groups (ISO/IEC 7812); the Luhn check tells cards from other long numbers.
_CARD = re.compile(r"(?<!\d)\d(?:[- ]?\d){12,18}(?!\d)")
# Mobile 010/011/016-019, area codes 02 and 03x-06x, internet 070, with or without +82.
_PHONE = re.compile(r"(?<!\d)(?:\+82[- ]?0?|0)(?:1[016789]|2|[3-6]\d|70)[- .)]?\d{3,4}[- .]?\d{4}(?!\d)")
# ASCII only: a Korean particle stands right behind an address.
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,5}")


def _luhn(text: str) -> bool:
    """Whether the digits pass the check of ISO/IEC 7812-1 annex B."""
    digits = [int(character) for character in reversed(text) if character.isdigit()]
    doubled = (digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _always(_: str) -> bool:
    return True


_KINDS: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    ("이메일", _EMAIL, _always),
    ("주민등록번호", _RESIDENT, _always),
    ("카드번호", _CARD, _luhn),
    ("전화번호", _PHONE, _always),
)


def redact(text: str) -> tuple[str, Mapping[str, int]]:
    """The text with every find replaced by its kind in brackets, and how many of each were found."""
    counts: Counter[str] = Counter()
    for kind, pattern, confirmed in _KINDS:

        def replaced(
            match: re.Match[str], kind: str = kind, confirmed: Callable[[str], bool] = confirmed
        ) -> str:
            if not confirmed(match[0]):
                return match[0]
            counts[kind] += 1
            return f"[{kind}]"

        text = pattern.sub(replaced, text)
    return text, counts
