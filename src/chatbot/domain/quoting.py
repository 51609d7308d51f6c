"""A stranger's text as a quotation that cannot pass for what stands around it."""

from chatbot.domain.cards import lines_of

_BRACKETS = str.maketrans({"[": "(", "]": ")", "［": "(", "］": ")"})


def quoted(text: str) -> str:
    """Each visible line behind "> ", its brackets round, so that none passes for the frame around it."""
    return "\n".join(f"> {line}" for line in lines_of(text).translate(_BRACKETS).split("\n"))
