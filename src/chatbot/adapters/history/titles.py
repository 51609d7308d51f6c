"""What a room is called in the list: the start of its first question."""

from chatbot.domain.plaintext import one_line

TITLE_CHARS = 40
"""About one line of a phone's screen in Korean."""


def title(question: str) -> str:
    """The question on one line, cut."""
    return one_line(question, TITLE_CHARS)
