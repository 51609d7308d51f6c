"""What the pages' routes send: policies, relative addresses, caching, licences, and the 404 in its forms."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from starlette.datastructures import Headers
from tests.pages.conftest import pages_app
from tests.support.fakes import service_state

from chatbot.api.app import create_app
from chatbot.api.notfound import not_found, style_policy
from chatbot.api.pages import DOCS_POLICY, PAGE_POLICY
from chatbot.domain.characters import CharacterSheet
from chatbot.domain.service_names import ServiceName
from chatbot.services.registry import SERVICES

PAGES = Path(str(files("chatbot"))) / "pages"
ASSETS = PAGES / "assets"


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(pages_app(), follow_redirects=False) as client:
        yield client


class Tags(HTMLParser):
    """All start tags of a page with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def addresses(self) -> list[str]:
        """Everything that the page loads or links to."""
        names = ("href", "src", "spec-url", "action")
        return [tag[1][name] for tag in self.tags for name in names if name in tag[1]]


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    ("page", "policy"), [("", PAGE_POLICY), ("docs", DOCS_POLICY), ("redoc", DOCS_POLICY)]
)
def test_pages_hold_nothing_inline_and_only_relative_addresses_that_exist(
    client: TestClient, service: str, page: str, policy: str
) -> None:
    response = client.get(f"/{service}/{page}")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["content-security-policy"] == policy
    html = Tags(response.text)
    assert "{{" not in response.text
    assert not [tag for tag, attributes in html.tags if tag == "style" or "style" in attributes]
    assert not [name for _, attributes in html.tags for name in attributes if name.startswith("on")]
    assert all("src" in attributes for tag, attributes in html.tags if tag == "script")
    for address in html.addresses():
        assert not re.match(r"[a-z]+:|/", address), address
        if address not in {"./", "openapi.json", "#question"}:
            assert client.get(f"/{service}/{address}").status_code == 200, address


def test_the_chat_page_may_run_only_its_own_scripts() -> None:
    directives = dict(part.strip().partition(" ")[::2] for part in PAGE_POLICY.split(";"))
    assert directives == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    assert "script-src 'self';" in DOCS_POLICY


def test_modules_import_only_files_that_are_there_and_name_no_foreign_address() -> None:
    for path in ASSETS.glob("*.js"):
        source = path.read_text(encoding="utf-8")
        for name in re.findall(r'from "\./([^"]+)"', source):
            assert (ASSETS / name).is_file(), f"{path.name} imports {name}"
        assert not re.findall(r"https?://", source), path.name
        assert not re.findall(r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval)\b", source), (
            path.name
        )


def test_every_sentence_that_is_asked_for_exists_in_both_languages() -> None:
    known: set[str] = set()
    parts = re.findall(r'"\./(\w+\.js)"', (ASSETS / "texts.js").read_text(encoding="utf-8"))
    for name in parts:
        texts = (ASSETS / name).read_text(encoding="utf-8")
        korean, english = re.split(r"^  en: \{$", texts, maxsplit=1, flags=re.MULTILINE)
        by_language = [re.findall(r"^    (\w+): ", part, re.MULTILINE) for part in (korean, english)]
        assert by_language[0] == by_language[1]
        assert known.isdisjoint(by_language[0])
        known |= set(by_language[0])
    used = set(re.findall(r'data-i18n(?:-label)?="(\w+)"', (PAGES / "chat.html").read_text(encoding="utf-8")))
    for path in ASSETS.glob("*.js"):
        used |= set(re.findall(r'\bt\("(\w+)"', path.read_text(encoding="utf-8")))
    assert used <= known
    for outcome in ("empty", "rate_limited", "blocked", "auth", "timeout", "error"):
        assert f"search_{outcome}" in known
    for field in CharacterSheet.model_fields.keys() - {"card"}:
        assert f"field_{field}" in known


def test_address_without_slash_leads_to_the_page_by_a_relative_redirect(client: TestClient) -> None:
    response = client.get("/office")
    assert (response.status_code, response.headers["location"]) == (307, "office/")
    assert client.head("/office/").status_code == 200


def test_files_are_revalidated_instead_of_sent_again(client: TestClient) -> None:
    first = client.get("/office/static/app.js")
    assert first.headers["cache-control"] == "no-cache"
    assert "javascript" in first.headers["content-type"]
    again = client.get("/office/static/app.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "name", ["..%2Fchat.html", "..%2f..%2fapi%2fpages.py", ".", "none.js", "%00", "a%2fb"]
)
def test_nothing_outside_the_folder_is_served(client: TestClient, name: str) -> None:
    assert client.get(f"/office/static/{name}").status_code == 404


def test_documentation_comes_with_its_licences(client: TestClient) -> None:
    assert "Apache License" in client.get("/office/docs/LICENSE").text
    assert "MIT" in client.get("/office/redoc/redoc.standalone.js.LICENSE.txt").text
    assert len(client.get("/office/docs/swagger-ui-bundle.js").content) > 1_000_000
    assert len(client.get("/office/redoc/redoc.standalone.js").content) > 500_000
    assert "Khan Academy" in client.get("/office/math/LICENSE").text
    katex = client.get("/office/math/katex.mjs")
    assert "javascript" in katex.headers["content-type"]
    assert len(katex.content) > 200_000


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "language", "kind", "sentence"),
    [
        (BROWSER, "ko-KR,ko;q=0.9,en;q=0.8", "text/html; charset=utf-8", "찾을 수 없는 주소입니다"),
        (BROWSER, "en-US,en;q=0.9", "text/html; charset=utf-8", "There is nothing at this address"),
        ("*/*", "", "application/json", "찾을 수 없는 주소입니다"),
        ("application/json", "en", "application/json", "There is nothing at this address"),
    ],
)
def test_404_suits_the_client(
    client: TestClient, accept: str, language: str, kind: str, sentence: str
) -> None:
    response = client.get("/nowhere", headers={"Accept": accept, "Accept-Language": language})
    assert response.status_code == 404
    assert response.headers["content-type"] == kind
    assert response.headers["vary"] == "Accept, Accept-Language"
    assert sentence in response.text
    if "html" in kind:
        wanted = "en" if language.startswith("en") else "ko"
        assert f'<html lang="{wanted}">' in response.text
        assert style_policy(response.text) in response.headers["content-security-policy"]
    else:
        assert list(response.json()) == ["detail", "services", "endpoints"]


def test_404_links_chat_page_and_documentation_of_the_services_that_run() -> None:
    page = not_found(Headers({"accept": "text/html"}), ["tutor", "office"])
    assert Tags(bytes(page.body).decode()).addresses() == [
        "/office/",
        "/office/docs",
        "/tutor/",
        "/tutor/docs",
    ]
    listed = not_found(Headers({"accept": "application/json"}), ["tutor", "office"])
    assert json.loads(bytes(listed.body))["services"] == ["office", "tutor"]


def test_a_service_of_its_own_port_lists_itself() -> None:
    client = TestClient(create_app(service_state(ServiceName("office"))))
    page = client.get("/office/no/such/page", headers={"Accept": BROWSER})
    assert page.status_code == 404
    assert Tags(page.text).addresses() == ["/office/", "/office/docs"]


def test_404_page_and_its_json_forms_list_the_same_endpoints() -> None:
    html = (PAGES / "404.html").read_text(encoding="utf-8")
    listed = re.findall(r'<td class="method">([^<]+)</td><td><code>([^<]+)</code>', html)
    for name in ("404.json", "404.en.json"):
        endpoints = json.loads((PAGES / name).read_text(encoding="utf-8"))["endpoints"]
        assert [(entry["method"], entry["path"]) for entry in endpoints] == listed
        assert all(entry["description"] for entry in endpoints)


def test_404_lists_every_route_that_the_services_document_and_no_other() -> None:
    listed = json.loads((PAGES / "404.json").read_text(encoding="utf-8"))["endpoints"]
    pages = {
        ("GET", f"/{service}/{page}")
        for service in SERVICES
        for page in ("", "docs", "redoc", "openapi.json")
    }
    written = {
        (method, entry["path"].partition("?")[0].replace("{service}", service))
        for entry in listed
        for service in SERVICES
        if "/characters" not in entry["path"] or SERVICES[service].of_character
        for method in entry["method"].split(", ")
    }
    described = {
        (method.upper(), path)
        for name in SERVICES
        for path, methods in create_app(service_state(name)).openapi()["paths"].items()
        for method in methods
        if path.startswith(f"/{name}/")
    }
    assert written - pages == described


@pytest.mark.parametrize("name", list(SERVICES))
def test_every_reference_of_the_description_leads_somewhere(name: ServiceName) -> None:
    description = create_app(service_state(name)).openapi()
    for reference in re.findall(r'"\$ref": "([^"]+)"', json.dumps(description)):
        node = description
        for step in reference.removeprefix("#/").split("/"):
            assert step in node, reference
            node = node[step]


@pytest.mark.parametrize("name", ["404.html", "503.html"])
def test_static_pages_carry_the_policy_of_their_own_style(name: str) -> None:
    html = (PAGES / name).read_text(encoding="utf-8")
    assert f'http-equiv="Content-Security-Policy" content="{style_policy(html)}"' in html
    assert "<script" not in html
    assert not re.findall(r"https?://", html)


def luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_has_the_contrast_that_wcag_asks_for(scheme: int) -> None:
    sheet = (ASSETS / "base.css").read_text(encoding="utf-8")
    root = re.findall(r":root \{(.*?)\}", sheet, re.DOTALL)[scheme]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", root))

    def contrast(front: str, back: str) -> float:
        light, dark = sorted((luminance(colours[front]), luminance(colours[back])), reverse=True)
        return (light + 0.05) / (dark + 0.05)

    for back in ("paper", "raised", "sunken"):
        for front in ("ink", "muted", "accent", "danger"):
            assert contrast(front, back) >= 4.5, (front, back)
    assert contrast("ink", "accent-soft") >= 4.5
    assert contrast("danger", "danger-soft") >= 4.5
    assert contrast("on-accent", "accent") >= 4.5
    assert contrast("strong-line", "raised") >= 3
