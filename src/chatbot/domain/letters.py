"""In which scripts an answer to a Korean question may be written.

Small models slip: in the middle of a Korean sentence they write a word in Chinese, Japanese or Russian. So a
Korean question is answered in the scripts of Korean text, unless the conversation brings another one: it
stands in what people wrote, or somebody asks for a language that is written in it. What the model wrote
itself counts for nothing, or one slip would allow the next.
"""

import re
from collections.abc import Iterator

from chatbot.domain.messages import Conversation, Form
from chatbot.domain.scripts import script_ranges, scripts_of

Scripts = frozenset[str]
"""Names of scripts, as Unicode has them."""

OWN: Scripts = frozenset({"Hangul", "Latin", "Greek", "Braille", "Common", "Inherited"})
"""What Korean text is written in; "Common" are digits, punctuation and signs, "Inherited" are accents.

Braille is no slip of a model's: it stands for Hangul, too, and turns as a spinner in code.
"""

_LANGUAGES = (
    ("Han", "漢字 hanja kanji hanzi 간체자 간체로 번체자 번체로"),
    ("Han Hiragana Katakana", "일본어 일본말 일어로 japanese"),
    ("Hiragana Katakana", "히라가나 가타카나 카타카나 hiragana katakana"),
    ("Han Bopomofo", "중국어 중국말 대만어 광둥어 광동어 chinese mandarin cantonese"),
    (
        "Cyrillic",
        "러시아어 러시아말 우크라이나어 벨라루스어 불가리아어 세르비아어 마케도니아어 키릴",
    ),
    ("Cyrillic", "키르기스어 타지크어 russian ukrainian belarusian bulgarian serbian macedonian cyrillic"),
    ("Cyrillic", "카자흐어 kazakh kyrgyz tajik"),
    ("Cyrillic Mongolian", "몽골어 몽골말 몽고어 mongolian"),
    ("Arabic", "아랍어 아랍말 아라비아어 페르시아어 우르두어 파슈토어 위구르어 arabic persian farsi urdu"),
    ("Arabic", "pashto uyghur"),
    ("Hebrew", "히브리어 이디시어 hebrew yiddish"),
    ("Thai", "태국어 태국말 thai"),
    ("Lao", "라오어 라오스어 laotian"),
    ("Khmer", "크메르어 캄보디아어 khmer cambodian"),
    ("Myanmar", "미얀마어 버마어 burmese"),
    ("Devanagari", "힌디어 산스크리트 네팔어 마라티어 데바나가리 hindi sanskrit nepali marathi devanagari"),
    ("Bengali", "벵골어 벵갈어 방글라데시어 아삼어 bengali assamese"),
    ("Gurmukhi Arabic", "펀자브어 punjabi"),
    ("Gujarati", "구자라트어 gujarati"),
    ("Oriya", "오리야어 oriya"),
    ("Tamil", "타밀어 tamil"),
    ("Telugu", "텔루구어 telugu"),
    ("Kannada", "칸나다어 kannada"),
    ("Malayalam", "말라얄람어 malayalam"),
    ("Sinhala", "싱할라어 스리랑카어 sinhala sinhalese"),
    ("Thaana", "디베히어 dhivehi"),
    ("Tibetan", "티베트어 tibetan"),
    ("Georgian", "조지아어 그루지야어 georgian"),
    ("Armenian", "아르메니아어 armenian"),
    ("Ethiopic", "암하라어 에티오피아어 amharic ethiopian"),
)
"""Scripts, and words that ask for them, in small letters."""

_HANJA = re.compile(r"한자(?!리|루)|한문(?!장|단|제)")
"""Not 한자리 (a place) and 한문장 (one sentence)."""

_ANY = re.compile(
    r"(?:여러|다른|각국|각|세계|모든|온갖)\s?(?:나라)?(?:의)?\s?언어|다국어|외국어로"
    r"|(?:other|different|several|various|many|all|foreign) languages"
)
"""Words that ask for languages and name none."""


_NUMBERED = re.compile(r"\\[ux]\{?((?<=\{)[0-9a-fA-F]{1,5}|[0-9a-fA-F]{4})")
"""A letter as JSON, regular expressions and grammars may write it."""


def scripts_asked_for(text: str) -> Scripts:
    """The scripts that a text asks for by the name of a language or of letters, in Korean or English.

    It errs towards allowing: a language that is only talked about counts.
    """
    lowered = text.lower()
    if _ANY.search(lowered):
        return frozenset(script_ranges())
    found = {"Han"} if _HANJA.search(lowered) else set()
    for scripts, words in _LANGUAGES:
        if any(word in lowered for word in words.split()):
            found.update(scripts.split())
    return frozenset(found)


def scripts_of_answer(conversation: Conversation, form: Form | None = None) -> Scripts | None:
    """The scripts that an answer may be written in; None: in any, since the question is not Korean.

    What the answer's form says literally may come as well.
    """
    if conversation.language != "ko":
        return None
    asked = (scripts_asked_for(text) for text in _people_ask(conversation))
    texts = (*_people_ask(conversation), *_others_wrote(conversation), _literal(form))
    stand = (scripts_of(text) for text in texts)
    return OWN.union(*asked, *stand)


def _people_ask(conversation: Conversation) -> Iterator[str]:
    """What users wrote, the character that they described among it, but not the service's own rules."""
    yield conversation.question
    yield from (exchange.question for exchange in conversation.exchanges)
    yield from (part.text for part in conversation.system[1:])
    yield from (part.text for part in conversation.scene)
    yield conversation.facts.text if conversation.facts else ""
    yield conversation.opening or ""


def _others_wrote(conversation: Conversation) -> Iterator[str]:
    """The other texts of the prompt that the model did not write."""
    yield from (part.text for part in conversation.system[:1])
    yield from (part.text for part in conversation.references)
    yield from (conversation.speakers.user, conversation.speakers.assistant)


def _literal(form: Form | None) -> str:
    """The form's text with the letters that it writes by their numbers."""
    return "" if form is None else _NUMBERED.sub(lambda found: chr(int(found[1], 16)), form.text)
