"""From what a provider sends to what the suite trusts to be text: one line, no markup, honest addresses."""

import html
import ipaddress
import re
from urllib.parse import urlsplit

import httpx

from chatbot.adapters.search.provider import RawHit
from chatbot.domain.control_tokens import without_control_tokens
from chatbot.domain.plaintext import one_line
from chatbot.domain.search import SearchHit

TITLE_CHARS = 120
SNIPPET_CHARS = 500
URL_CHARS = 1000

_BREAKING = "br|p|div|li|ul|ol|tr|td|h[1-6]"
_ELEMENTS = (
    "a|abbr|acronym|address|applet|area|article|aside|audio|b|base|basefont|bdi|bdo|big|blink|blockquote|body|"
    "button|canvas|caption|center|cite|code|col|colgroup|data|datalist|dd|del|details|dfn|dialog|dir|dl|dt|em|"
    "embed|fieldset|figcaption|figure|font|footer|form|frame|frameset|head|header|hgroup|hr|html|i|iframe|img|"
    "input|ins|kbd|label|legend|link|main|map|mark|marquee|math|menu|meta|meter|nav|nobr|noembed|noframes|"
    "noscript|object|optgroup|option|output|param|picture|plaintext|pre|progress|q|rp|rt|ruby|s|samp|script|"
    "search|section|select|slot|small|source|span|strike|strong|style|sub|summary|sup|svg|table|tbody|template|"
    "textarea|tfoot|th|thead|time|title|track|tt|u|var|video|wbr|xmp"
)
"""The elements of HTML, the obsolete ones too (living standard, "Elements" and §16.2)."""

_REST = r"(?:\s[^<>=]*=[^<>]*|\s*/?)>"
"""The rest of a tag: attributes of which one has a value, or none; ``a<b and c>d`` has neither."""

_BREAK = re.compile(rf"</?(?:{_BREAKING}){_REST}", re.IGNORECASE)
_TAG = re.compile(rf"</?(?:{_ELEMENTS}){_REST}|<![^<>]*>", re.IGNORECASE)
"""Only what is a tag: the type in ``std::vector<int>`` is text."""

_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")
"""A name in its ASCII form, or an IPv6 address."""

_NESTINGS = 4


def sanitise(raw: list[RawHit], limit: int) -> tuple[SearchHit, ...]:
    """At most ``limit`` clean hits in the given order, without doubles and without unusable addresses."""
    hits: list[SearchHit] = []
    seen: set[str] = set()
    for item in raw:
        url = clean_url(item.url)
        if url is None:
            continue
        title, snippet = clean_text(item.title, TITLE_CHARS), clean_text(item.snippet, SNIPPET_CHARS)
        same_page, same_text = _page_key(url), f"{title}\n{snippet}"
        if not (title or snippet) or same_page in seen or same_text in seen:
            continue
        seen |= {same_page, same_text}
        hits.append(SearchHit(title or httpx.URL(url).host, url, snippet))
        if len(hits) == limit:
            break
    return tuple(hits)


def clean_text(text: str, limit: int) -> str:
    """Plain text on one line: tags and control tokens removed, entities resolved, invisible signs dropped."""
    text = html.unescape(_without_markup(text[: 8 * limit + 256]))
    return " ".join(_without_markup(one_line(text, limit)).split())


def _without_markup(text: str) -> str:
    """Remove tags until none is left; text that nests them deeper than any page would loses its "<"."""
    for _ in range(_NESTINGS):
        stripped = _TAG.sub("", _BREAK.sub(" ", without_control_tokens(text)))
        if stripped == text:
            return text
        text = stripped
    return text.replace("<", " ")


def clean_url(url: str) -> str | None:
    """An absolute ASCII http(s) address without credentials and not of a private host; None otherwise."""
    if len(url) > URL_CHARS:
        return None
    try:
        parsed = httpx.URL(html.unescape(url.strip()))
    except (httpx.InvalidURL, ValueError):
        return None
    ascii_url = str(parsed)
    host = parsed.raw_host.decode("ascii")
    usable = parsed.scheme in ("http", "https") and _HOST.fullmatch(host) and not parsed.userinfo
    if not usable or not ascii_url.isascii() or len(ascii_url) > URL_CHARS or _is_private(host):
        return None
    return ascii_url


def _is_private(host: str) -> bool:
    """Whether the host is this machine, a local name, or no public address, in any spelling browsers take."""
    host = host.rstrip(".")
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return True
    last = host.rsplit(".", 1)[-1]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        # Browsers read 2130706433 and 0x7f.1 as addresses; no public name ends in a number.
        return last.isdigit() or last.startswith("0x")
    mapped = getattr(address, "ipv4_mapped", None)
    return not (mapped or address).is_global


def _page_key(url: str) -> str:
    parts = urlsplit(url)
    host = (parts.hostname or "").removeprefix("www.")
    query = "&".join(pair for pair in parts.query.split("&") if not pair.startswith("utm_"))
    return f"{host}{parts.path.rstrip('/')}?{query}"
