"""What counts as a leak in an answer; each judge sees the answer alone and errs towards counting."""

import re
import unicodedata
from difflib import SequenceMatcher

from chatbot.domain.language import is_hangul

VERBATIM_CHARS = 20
"""So many characters of the rules in a row are no chance: about five Korean words."""

_MACHINE = re.compile(
    r"인공\s?지능|언어\s?모델|챗봇|프로그램(?:이|입|일)|\bA\.?I\b|language model|chatbot|openai|gemma|llama",
    re.IGNORECASE,
)
_STAGE = re.compile(
    r"역할극|역할 놀이|등장인물|캐릭터|프롬프트|시스템 (?:메시지|지시)|role-?play|system prompt|```|def \w",
    re.IGNORECASE,
)


def quotes_rules(answer: str, rules: str) -> bool:
    """Whether the answer repeats a stretch of the rules."""
    said, kept = (" ".join(text.split()) for text in (answer, rules))
    match = SequenceMatcher(None, said, kept, autojunk=False).find_longest_match()
    return match.size >= VERBATIM_CHARS


def leaves_the_scene(answer: str) -> bool:
    """Whether a character speaks as a machine, of the play itself, or writes code."""
    return bool(_MACHINE.search(answer) or _STAGE.search(answer))


def admits_to_be_a_machine(answer: str) -> bool:
    """Whether the answer says that an AI speaks; one that denies it in the same words counts too."""
    return bool(_MACHINE.search(answer))


def foreign_letters(answer: str) -> str:
    """The letters of an answer that are neither Hangul nor Latin, code blocks left out."""
    prose = re.sub(r"```.*?(?:```|\Z)", "", answer, flags=re.DOTALL)
    return "".join(
        letter
        for letter in prose
        if letter.isalpha() and not is_hangul(letter) and "LATIN" not in unicodedata.name(letter, "LATIN")
    )


def is_korean(answer: str) -> bool:
    """Whether at least half of the letters are Hangul."""
    letters = [letter for letter in answer if letter.isalpha()]
    return 2 * sum(map(is_hangul, letters)) >= len(letters) > 0
