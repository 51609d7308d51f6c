"""Wikipedia, the last resort that needs no key.

Its search wants every word of the query on the page, so a question loses its question words first. The
answer is the opening of the articles, which says more than the search's own snippets.
"""

from chatbot.adapters.search.fetcher import FetchedReply, Fetcher, dig, text
from chatbot.adapters.search.provider import RawHit
from chatbot.domain.language import Language
from chatbot.domain.search import SearchOutcome

_MAX_QUERY_CHARS = 300
_EXTRACT_CHARS = 500

_PUNCTUATION = str.maketrans(dict.fromkeys("?!.,:;\"'()[]{}<>|~*/\\`…·“”‘’？！。、", " "))

_KOREAN = """
뭐 뭐야 뭔가요 뭐예요 무엇 무엇인가요 무엇이야 무엇인지 누구 누구야 누구인가요 누구예요
어디 어디야 어디인가요 어디예요 언제 언제야 언제인가요 왜 어떻게 얼마 얼마야 얼마나 얼마인가요
몇 어느 어떤 대해 대해서 관해 관해서 대한 관한 좀 그리고 인가요 되나요 있나요 있어 궁금해 궁금해요
알려줘 알려주세요 설명해줘 설명해주세요 찾아줘 찾아주세요 검색해줘 검색해주세요 말해줘 해줘 해주세요
"""
_ENGLISH = """
a an the is are was were be do does did of in on at to for from and or what which who whom whose when
where why how much many can could would please tell me about explain describe find search i you it
"""
_QUESTION_WORDS: dict[Language, frozenset[str]] = {
    "ko": frozenset(_KOREAN.split()),
    "en": frozenset(_ENGLISH.split()),
}


class Wikipedia:
    """Wikipedia in the question's language. ``address`` holds "{language}"."""

    name = "wikipedia"

    def __init__(self, fetcher: Fetcher, address: str = "https://{language}.wikipedia.org") -> None:
        self._fetcher = fetcher
        self._address = address

    async def search(self, query: str, language: Language, limit: int) -> list[RawHit]:
        """See Provider.search."""
        reply = await self._fetcher.ask(
            "GET",
            f"{self._address.format(language=language)}/w/api.php",
            params={
                "action": "query",
                "format": "json",
                "formatversion": 2,
                "generator": "search",
                "gsrsearch": keywords(query, language),
                "gsrlimit": limit,
                "prop": "extracts|info",
                "exintro": 1,
                "explaintext": 1,
                "exchars": _EXTRACT_CHARS,
                "exlimit": limit,
                "inprop": "url",
            },
        )
        _refuse(reply)
        if "query" not in reply.body and "batchcomplete" in reply.body:
            return []
        pages = sorted(reply.items("query", "pages"), key=_rank)
        return [RawHit(text(page, "title"), text(page, "fullurl"), text(page, "extract")) for page in pages]


def keywords(query: str, language: Language) -> str:
    """The words of a question that an article about its subject would hold; the query if none is left."""
    words = query.translate(_PUNCTUATION).split()
    kept = [word for word in words if word.lower() not in _QUESTION_WORDS[language]]
    return " ".join(kept or words)[:_MAX_QUERY_CHARS] or query[:_MAX_QUERY_CHARS]


def _rank(page: object) -> float:
    index = dig(page, "index")
    return index if isinstance(index, int) else float("inf")


def _refuse(reply: FetchedReply) -> None:
    """MediaWiki tells failures in the body of a 200."""
    reply.require_ok()
    code = dig(reply.body, "error", "code")
    if code is not None:
        raise reply.failure(SearchOutcome.RATE_LIMITED if code in ("ratelimited", "maxlag") else None)
