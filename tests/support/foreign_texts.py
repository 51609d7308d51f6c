"""Texts as strangers send them. ``st.text()`` alone makes no halves of characters, and NUL hardly ever."""

from hypothesis import strategies as st

UNSOUND = ("\x00", "\ud83d", "\udc00")
"""What nothing behind a request can carry."""

_ODD = (
    *("가", "각", "q\u0301", "\u0958", "\ufb2c", "\u0301\u0323" * 16, "\u034f", "\u0344" * 31),
    *("👨\u200d👩", "1\ufe0f\u20e3", "\u200d", "\ufe0f", "\u200b", "\ufeff", "\u202e", "\u2028", "\r\n", " "),
    *("{{char}}", "<|eot_id|>", "[1]", "/a/i", "\\", '"', "<START>", "한 문장. "),
)
"""What changes its length or its form on the way, or means something to somebody."""

SOUND_TEXTS = st.lists(st.text(max_size=4) | st.sampled_from(_ODD), max_size=12).map("".join)
UNSOUND_TEXTS = st.tuples(SOUND_TEXTS, st.sampled_from(UNSOUND), SOUND_TEXTS).map("".join)
TEXTS = SOUND_TEXTS | UNSOUND_TEXTS
