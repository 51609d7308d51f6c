"""Korean particles that follow the last sound of the word before: 은/는, 이/가, 을/를, 과/와, 으로/로."""

from chatbot.domain.plaintext import nfc

_PAIRS = (("은", "는"), ("이", "가"), ("을", "를"), ("과", "와"), ("으로", "로"))
"""Behind a final consonant, behind a vowel."""

_FORMS = {form: pair for pair in _PAIRS for form in (*pair, "{}({})".format(*pair), "{1}({0})".format(*pair))}
_FORMS |= {"(은)는": _PAIRS[0], "(이)가": _PAIRS[1], "(을)를": _PAIRS[2], "(으)로": _PAIRS[4]}

PARTICLE = (
    "("
    + "|".join(form.replace("(", r"\(").replace(")", r"\)") for form in sorted(_FORMS, key=len, reverse=True))
    + ")(?![가-힣])"
)
"""A regular expression with one group: a particle, in any form it is written in, at the end of its word."""

_FINALS = 28
_RIEUL = 8
_SYLLABLE_PARTS = 3
"""Letters of a syllable that a keyboard wrote apart (Unicode's decomposed form)."""


def agreeing(word: str, particle: str) -> str:
    """The form of ``particle`` that fits behind ``word``; unchanged where the last sound is not written."""
    pair = _FORMS.get(nfc(particle))
    last = nfc(word[-_SYLLABLE_PARTS:])[-1:]
    if pair is None or not "가" <= last <= "힣":
        return particle
    final = (ord(last) - ord("가")) % _FINALS
    if pair[0] == "으로" and final == _RIEUL:
        return pair[1]
    return pair[0] if final else pair[1]
