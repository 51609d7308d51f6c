"""How a model's text is shown: structure, growth token by token, and never as markup."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page
from tests.pages.conftest import Visitor, serving

pytestmark = [pytest.mark.browser, pytest.mark.everyday]

REPORT = """# 보고서 #
앞 문단의
두 줄

1. **지난주** 한 일
2. 이번 주
   - 우선순위
   - 담당자

     이어지는 문단
3) 막힌 점
끝난 목록 뒤

- [ ] 하나
* 둘

| 항목 | 담당 | 기한 |
|:--|:-:|--:|
| 견적서 | `김` | 11월 |
| 짧은 줄 |
> 인용
> > 안쪽

***
~~~py
x = "|---|"
# 제목이 아님
~~~
```
닫히지 않음
- 목록이 아님"""
SHAPE = (
    "<h2>보고서</h2><p>앞 문단의\n두 줄</p>"
    "<ol><li><strong>지난주</strong> 한 일</li>"
    "<li>이번 주<ul><li>우선순위</li><li>담당자<p>이어지는 문단</p></li></ul></li><li>막힌 점</li></ol>"
    "<p>끝난 목록 뒤</p><ul><li>[ ] 하나</li><li>둘</li></ul>"
    "<div><table><thead><tr><th>항목</th><th>담당</th><th>기한</th></tr></thead><tbody>"
    "<tr><td>견적서</td><td><code>김</code></td><td>11월</td></tr>"
    "<tr><td>짧은 줄</td><td></td></tr></tbody></table></div>"
    "<blockquote><p>인용</p><blockquote><p>안쪽</p></blockquote></blockquote><hr>"
    '<figure><pre><code>x = "|---|"\n# 제목이 아님</code></pre></figure>'
    "<figure><pre><code>닫히지 않음\n- 목록이 아님</code></pre></figure>"
)
SETUP = """
  const { formatted, GrowingText } = await import("./static/format.js");
  const plain = (box) => {
    const copy = box.cloneNode(true);
    copy.querySelectorAll("figcaption").forEach((node) => node.remove());
    for (const node of copy.querySelectorAll("*")) {
      for (const { name } of [...node.attributes]) node.removeAttribute(name);
    }
    return copy.innerHTML;
  };
  const box = (text) => {
    const found = document.createElement("div");
    found.append(formatted(text));
    return found;
  };
"""


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """One page for all: the formatter keeps nothing between calls."""
    with serving() as served:
        context = browser.new_context(locale="ko-KR")
        visitor = Visitor(context, served.address)
        yield visitor.open("/office/")
        context.close()
        assert visitor.problems == []


def shown(page: Page, text: str) -> str:
    html: str = page.evaluate(f"async (text) => {{ {SETUP} return plain(box(text)); }}", text)
    return html.replace("&lt;", "<").replace("&gt;", ">")


def test_lists_tables_quotes_and_code_have_their_shape(page: Page) -> None:
    assert shown(page, REPORT) == SHAPE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**굵게**는 *손짓* ***둘 다*** ~~지움~~", "<strong>굵게</strong>는 <em>손짓</em> "),
        ("**`코드`도**", "<strong><code>코드</code>도</strong>"),
        ("2 * 3 * 4, a ** b, 미완 **굵게", "<p>2 * 3 * 4, a ** b, 미완 **굵게</p>"),
        ("*웃는다.* 네", "<p><em>웃는다.</em> 네</p>"),
        ("a | b\n안 | 됨", "<p>a | b\n안 | 됨</p>"),
        ("2026. 11. 26.", "<p>2026. 11. 26.</p>"),
        ("-빼기 #태그 1.5배", "<p>-빼기 #태그 1.5배</p>"),
        ("7. 일곱\n8. 여덟", "<ol><li>일곱</li><li>여덟</li></ol>"),
        ("### 셋\n# 하나\n##### 다섯\n## 둘", "<h2>셋</h2><h2>하나</h2><h3>다섯</h3><h3>둘</h3>"),
        ("## 둘\n> #### 넷\n\n### 셋", "<h2>둘</h2><blockquote><h3>넷</h3></blockquote><h3>셋</h3>"),
        ("", ""),
        ("\n \n", ""),
    ],
)
def test_what_models_write_is_read_as_they_mean_it(page: Page, text: str, expected: str) -> None:
    assert expected in shown(page, text)


ADDRESSES = [
    ("보기: https://ko.wikipedia.org/wiki/세종대왕.", "https://ko.wikipedia.org/wiki/세종대왕"),
    ("https://example.com에서", "https://example.com"),
    ("https://example.com/page에서", "https://example.com/page"),
    ("(https://example.com/x_(y)).", "https://example.com/x_(y)"),
    ("[여기](https://example.com/b?q=1)", "https://example.com/b?q=1"),
    ("- **http://localhost:8001/office/**", "http://localhost:8001/office/"),
    ("https://bank.example@evil.example/", "https://bank.example"),
    ("`https://example.com/`", None),
    ("javascript:alert(1) ftp://example.com/", None),
    ("https://p\u0430ypal.com/ https://\u0430pple.com/", None),
    ("https://example.com/a\u202eb", "https://example.com/a"),
    ("https://[/", None),
]


@pytest.mark.parametrize(("text", "address"), ADDRESSES)
def test_a_web_address_is_a_link_that_shows_it_whole(page: Page, text: str, address: str | None) -> None:
    links = page.evaluate(
        f"""async (text) => {{ {SETUP}
          return [...box(text).querySelectorAll("a")].map((a) => [a.textContent, a.href, a.target, a.rel]);
        }}""",
        text,
    )
    if address is None:
        assert links == []
    else:
        ((shown_as, target, window, rel),) = links
        assert shown_as == address
        assert target == page.evaluate("(address) => new URL(address).href", address)
        assert (window, rel) == ("_blank", "noopener noreferrer nofollow")


def test_no_text_becomes_markup_or_an_image(page: Page) -> None:
    hostile = (
        "<img src=x onerror=alert(1)> ![a](https://evil.example/a.png) [b](javascript:c)\n\n"
        "- <script>alert(1)</script>\n\n| <b>x</b> |\n|---|\n| <a href=y>z</a> |\n\n```<i>\n</code><u>\n```"
    )
    kinds = page.evaluate(
        f"async (text) => {{ {SETUP} return [...box(text).querySelectorAll('*')].map((n) => n.localName); }}",
        hostile,
    )
    assert not {"img", "script", "b", "i", "u"} & set(kinds)
    assert kinds.count("a") == 1, "the image's address, and nothing of javascript:"
    assert "![a](<a>https://evil.example/a.png</a>) [b](javascript:c)" in shown(page, hostile)


def test_a_growing_text_looks_at_every_moment_as_if_shown_whole(page: Page) -> None:
    differing = page.evaluate(
        f"""async (text) => {{
          {SETUP}
          const parent = document.createElement("div");
          const growing = new GrowingText(parent);
          const differing = [];
          for (let size = 0; size <= text.length; size += 1) {{
            const part = text.slice(0, size);
            growing.show(part);
            if (plain(parent) !== plain(box(part))) differing.push(part);
          }}
          growing.show("");
          return [...differing, ...(parent.childNodes.length ? ["not emptied"] : [])];
        }}""",
        REPORT,
    )
    assert differing == []


def test_what_is_complete_keeps_its_nodes_while_the_rest_grows(page: Page) -> None:
    kept = page.evaluate(
        f"""async () => {{
          {SETUP}
          const parent = document.createElement("div");
          const growing = new GrowingText(parent);
          growing.show("처음\\n\\n```js\\nlet a;");
          const [paragraph, figure] = parent.children;
          growing.show("처음\\n\\n```js\\nlet a;\\nlet b;\\n```\\n끝");
          const code = figure.querySelector("code").textContent;
          return [paragraph === parent.children[0], figure === parent.children[1], code];
        }}"""
    )
    assert kept == [True, True, "let a;\nlet b;"]


WORST = {
    "quotes": ("", "> ", "x"),
    "lists": ("", "- ", "x"),
    "ticks": ("", "`", ""),
    "unclosed code": ("", "`a ", ""),
    "stars": ("", "*", ""),
    "unclosed emphasis": ("", "*a ", ""),
    "unclosed strong": ("", "**a ", ""),
    "struck": ("", "~~a ", ""),
    "spaces before a heading": ("", " ", "#"),
    "spaces in a heading": ("# a ", "# ", "x"),
    "spaces behind a fence": ("```", " ", "`"),
    "spaces in a delimiter": ("a|b\n-|-", " ", "x"),
    "spaces before a delimiter": ("a|b\n", " ", "x|"),
    "a wide table": ("", "|", "\n"),
    "a table of many rows": ("|a" * 60 + "|\n" + "|-" * 60 + "|\n", "|\n", ""),
    "rules": ("", "- - -x\n", ""),
    "paragraphs": ("", "a\n\n", ""),
    "items far apart": ("", "- a\n\n\n\n", ""),
    "blank lines in an item": ("- a", "\n", "x"),
    "headings": ("", "# a\n", ""),
    "fences": ("", "```\n", ""),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", WORST)
def test_the_work_grows_with_the_text_only(page: Page, name: str) -> None:
    """64 KiB against 8 KiB: eight times the work, where its square would be sixty-four times."""
    before, unit, after = WORST[name]
    small, large = page.evaluate(
        f"""async ([before, unit, after]) => {{
          {SETUP}
          const least = [Infinity, Infinity];
          // A busy machine disturbs some rounds, and rather the long text's.
          for (let round = 0; round < 3 || (round < 30 && least[1] >= 28 * Math.max(least[0], 1)); round++) {{
            for (const [place, size] of [8192, 65536].entries()) {{
              const text = before + unit.repeat(size / unit.length) + after;
              const begun = performance.now();
              box(text);
              least[place] = Math.min(least[place], performance.now() - begun);
            }}
          }}
          return least;
        }}""",
        [before, unit, after],
    )
    assert large < 28 * max(small, 1.0), (small, large)


def test_a_table_with_more_columns_than_any_reader_follows_is_text(page: Page) -> None:
    wide = "|a" * 65 + "|\n" + "|-" * 65 + "|"
    assert shown(page, wide).startswith("<p>|a|a")
    assert "<table>" in shown(page, "|a" * 64 + "|\n" + "|-" * 64 + "|")
