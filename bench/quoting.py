"""Work in which answers repeat what stands in the prompt, with answers that people wrote.

A small model soon repeats itself, and guessing what repeats is no art: so these answers are forced upon it.
None has a blank line, which ends an answer where the model has no template.
Sources, none of them under copyright: Hyun Jin-geon, A Lucky Day (1924); Constitution of the Republic of
Korea, chapter II; Lincoln's Gettysburg Address (1863). The search results and the answers from them were
written for this measurement, in the manner of an encyclopaedia and of office's answers.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from chatbot.core.citations import references
from chatbot.domain.language import Language
from chatbot.domain.search import SearchHit, SearchOutcome, SearchResult


@dataclass(frozen=True)
class Work:
    """A question and the answer to be forced."""

    name: str
    question: str
    answer: str


_LUCKY_DAY = (
    "새침하게 흐린 품이 눈이 올 듯하더니 눈은 아니 오고 얼다가 만 비가 추적추적 내리는 날이었다. "
    "이날이야말로 동소문 안에서 인력거꾼 노릇을 하는 김첨지에게는 오래간만에도 닥친 운수 좋은 "
    "날이었다. 문안에 들어간답시는 앞집 마마님을 전찻길까지 모셔다 드린 것을 비롯으로 행여나 손님이 "
    "있을까 하고 정류장에서 어정어정하며 내리는 사람 하나하나에게 거의 비는 듯한 눈결을 보내고 있다가 "
    "마침내 교원인 듯한 양복쟁이를 동광학교까지 태워다 주기로 되었다."
)
_LUCKY_DAY_GOES_ON = (
    "첫 번에 삼십 전, 둘째 번에 오십 전, 아침 댓바람에 그리 흉치 않은 일이었다. 그야말로 재수가 옴 "
    "붙어서 근 열흘 동안 돈 구경도 못한 김첨지는 십 전짜리 백동화 서 푼, 또는 다섯 푼이 찰깍 하고 "
    "손바닥에 떨어질 제 거의 눈물을 흘릴 만큼 기뻤었다. 더구나 이날 이때에 이 팔십 전이라는 돈이 "
    "그에게 얼마나 유용한지 몰랐다."
)
_KOREAN_ERRORS = (
    *(("흐린", "흘인"), ("추적추적", "추적추쩍"), ("인력거꾼", "인력꺼꾼"), ("닥친", "닦친")),
    *(("비롯으로", "비롯으루"), ("정류장", "정유장"), ("거의 비는", "거이 비는"), ("태워다", "태어다")),
)

_GETTYSBURG = (
    "Four score and seven years ago our fathers brought forth on this continent, a new nation, "
    "conceived in Liberty, and dedicated to the proposition that all men are created equal. Now we are "
    "engaged in a great civil war, testing whether that nation, or any nation so conceived and so "
    "dedicated, can long endure. We are met on a great battle-field of that war. We have come to "
    "dedicate a portion of that field, as a final resting place for those who here gave their lives "
    "that that nation might live. It is altogether fitting and proper that we should do this."
)
_ENGLISH_ERRORS = (
    *(("fathers", "father's"), ("conceived in", "concieved in"), ("proposition", "propositon")),
    *(("testing", "testeing"), ("whether", "wether"), ("battle-field", "battel field")),
    *(("portion", "porton"), ("altogether", "all together"), ("proper", "propper")),
)

_ARTICLES = (
    "제14조 모든 국민은 거주·이전의 자유를 가진다.\n"
    "제15조 모든 국민은 직업선택의 자유를 가진다.\n"
    "제16조 모든 국민은 주거의 자유를 침해받지 아니한다. 주거에 대한 압수나 수색을 할 때에는 검사의 "
    "신청에 의하여 법관이 발부한 영장을 제시하여야 한다.\n"
    "제17조 모든 국민은 사생활의 비밀과 자유를 침해받지 아니한다."
)
_FURTHER_ARTICLES = (
    "제18조 모든 국민은 통신의 비밀을 침해받지 아니한다.\n"
    "제19조 모든 국민은 양심의 자유를 가진다.\n"
    "제20조 모든 국민은 종교의 자유를 가진다. 국교는 인정되지 아니하며, 종교와 정치는 분리된다.\n"
    "제21조 모든 국민은 언론·출판의 자유와 집회·결사의 자유를 가진다.\n"
    "제22조 모든 국민은 학문과 예술의 자유를 가진다. 저작자·발명가·과학기술자와 예술가의 권리는 "
    "법률로써 보호한다."
)

_HUNMINJEONGEUM = (
    SearchHit(
        "훈민정음",
        "https://ko.wikipedia.org/wiki/훈민정음",
        "훈민정음은 1443년 조선의 네 번째 임금 세종이 만들고 1446년 음력 9월에 반포한 문자 체계이다. "
        "처음에는 자음 17자와 모음 11자를 합쳐 28자였으나 오늘날에는 24자를 쓴다.",
    ),
    SearchHit(
        "훈민정음 해례본",
        "https://ko.wikipedia.org/wiki/훈민정음_해례본",
        "훈민정음 해례본은 새 글자를 만든 까닭과 글자의 원리를 풀이한 책으로, 1940년 경상북도 안동에서 "
        "발견되었다. 1962년 국보로 지정되었고 1997년 유네스코 세계기록유산에 올랐다. 간송미술관이 "
        "소장하고 있다.",
    ),
    SearchHit(
        "한글날",
        "https://ko.wikipedia.org/wiki/한글날",
        "한글날은 훈민정음의 반포를 기념하는 날로 매년 10월 9일이다. 1991년 공휴일에서 빠졌다가 "
        "2013년부터 다시 공휴일이 되었다.",
    ),
)
_ABOUT_HUNMINJEONGEUM = (
    "훈민정음 해례본은 1940년 경상북도 안동에서 발견되었고, 지금은 간송미술관이 소장하고 있습니다 [2]. 이 "
    "책은 새 글자를 만든 까닭과 글자의 원리를 풀이합니다. 1962년 국보로 지정되었고 1997년 유네스코 "
    "세계기록유산에 올랐습니다 [2]. 한글날은 훈민정음의 반포를 기념하는 날로 매년 10월 9일입니다. "
    "1991년 공휴일에서 빠졌다가 2013년부터 다시 공휴일이 되었으니, 지금은 쉬는 날이 맞습니다 [3]. 세종이 "
    "글자를 만든 해는 1443년이고, 반포한 때는 1446년 음력 9월입니다 [1]."
)
_JEJU = (
    SearchHit(
        "Jeju Island",
        "https://en.wikipedia.org/wiki/Jeju_Island",
        "Jeju Island is the largest island of South Korea, off the southern end of the peninsula. It was "
        "formed by volcanic eruptions, and its highest point, Hallasan, rises 1,947 metres above the sea.",
    ),
    SearchHit(
        "Jeju Volcanic Island and Lava Tubes",
        "https://whc.unesco.org/en/list/1264",
        "Jeju Volcanic Island and Lava Tubes was added to the UNESCO World Heritage List in 2007. The "
        "site has three parts: the Geomunoreum lava tube system, the Seongsan Ilchulbong tuff cone, and "
        "Hallasan.",
    ),
    SearchHit(
        "Haenyeo",
        "https://en.wikipedia.org/wiki/Haenyeo",
        "Haenyeo are women divers who gather shellfish and seaweed without breathing equipment. The "
        "culture of Jeju haenyeo was inscribed on the list of intangible cultural heritage in 2016.",
    ),
)
_ABOUT_JEJU = (
    "UNESCO lists two things on the island. The first is a landscape: Jeju Volcanic Island and Lava Tubes "
    "was added to the World Heritage List in 2007. The site has three parts: the Geomunoreum lava tube "
    "system, the Seongsan Ilchulbong tuff cone, and Hallasan [2], the highest point of the island, which "
    "rises 1,947 metres above the sea [1]. The second is a way of living. The culture of Jeju haenyeo, "
    "women divers who gather shellfish and seaweed without breathing equipment, was inscribed on the list "
    "of intangible cultural heritage in 2016 [3]."
)


def _with(errors: Iterable[tuple[str, str]], text: str) -> str:
    for right, wrong in errors:
        if right not in text:
            raise ValueError(f"{right} does not stand in the text")
        text = text.replace(right, wrong, 1)
    return text


def _with_hits(question: str, hits: tuple[SearchHit, ...], language: Language) -> str:
    """The question and what was found for it, as office's prompts hold them."""
    found = references(SearchResult(SearchOutcome.OK, "wikipedia", hits), language, 2000)
    return "\n\n".join((*(part.text for part in found), question))


QUOTING = (
    Work(
        "correct a text",
        f"다음 글에서 틀린 글자를 고쳐 주세요.\n{_with(_KOREAN_ERRORS, _LUCKY_DAY)}",
        _LUCKY_DAY,
    ),
    Work(
        "correct an English text",
        f"Correct the spelling of this text.\n{_with(_ENGLISH_ERRORS, _GETTYSBURG)}",
        _GETTYSBURG,
    ),
    Work("continue a text", f"다음 글을 이어서 써 주세요.\n{_ARTICLES}", f"{_ARTICLES}\n{_FURTHER_ARTICLES}"),
    Work(
        "answer from search results",
        _with_hits("훈민정음 해례본은 어디에 있나요? 한글날은 쉬는 날인가요?", _HUNMINJEONGEUM, "ko"),
        _ABOUT_HUNMINJEONGEUM,
    ),
    Work(
        "answer from English results",
        _with_hits("What on Jeju does UNESCO list, and since when?", _JEJU, "en"),
        _ABOUT_JEJU,
    ),
)
OWN_WORDS = Work(
    "own words", "비가 오는 날에 관한 짧은 이야기를 써 주세요.", f"{_LUCKY_DAY} {_LUCKY_DAY_GOES_ON}"
)
"""Nothing in the prompt helps here: what drafts cost where they are no use."""
