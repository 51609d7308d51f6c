"""The characters that a user keeps: created, changed by several at once, imported, exported, deleted."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tests.api.test_keys import ring
from tests.domain.test_avatars import DATA, END, PLAIN, chunk, head
from tests.support.fakes import FakeModel, client_of, service_state
from tests.support.memory_history import MemoryHistory

from chatbot.domain import characters
from chatbot.domain.card_files import PNG, read_card_file
from chatbot.domain.service_names import ServiceName

pytestmark = pytest.mark.anyio

USER = {"user_id": "u"}
ROOT = "/character/characters"
RACHEL = {"name": "Rachel", "greeting": "Hi {{user}}", "context": "A librarian."}
PNG_TYPE = {"Content-Type": "image/png"}
NOBODY = "123e4567-e89b-12d3-a456-426614174009"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    state = service_state(ServiceName("character"), FakeModel(), history=MemoryHistory())
    async with client_of(state, params=USER) as client:
        yield client


async def kept(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await client.post(ROOT, json={**RACHEL, **fields})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_a_character_is_kept_listed_read_and_deleted(client: httpx.AsyncClient) -> None:
    one = await kept(client, lorebook={"entries": [{"keys": ["(?=a)"], "use_regex": True, "content": "x"}]})
    assert (one["version"], one["avatar"], one["unsupported"]) == (1, False, [1])
    two = await kept(client, name="지우")
    listed = (await client.get(ROOT)).json()["characters"]
    assert {line["id"]: line["name"] for line in listed} == {one["id"]: "Rachel", two["id"]: "지우"}
    assert listed[0].keys() == {"id", "version", "name", "excerpt", "updated_at", "avatar"}
    assert (await client.get(f"{ROOT}/{one['id']}")).json() == one
    assert (await client.delete(f"{ROOT}/{one['id']}")).json() == {"deleted": 1}
    for gone in (client.get, client.delete):
        assert (await gone(f"{ROOT}/{one['id']}")).status_code == 404
    assert (await client.delete(ROOT)).json() == {"deleted": 1}


async def test_of_two_editors_the_second_is_shown_what_the_first_made(client: httpx.AsyncClient) -> None:
    one = await kept(client)
    mine, theirs = ({**one, "context": text} for text in ("mine", "theirs"))
    address = f"{ROOT}/{one['id']}"
    changed = await client.put(address, json=theirs)
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    refused = await client.put(address, json=mine)
    assert refused.status_code == 409
    assert refused.json()["current"] == changed.json()
    assert (await client.get(address)).json()["context"] == "theirs"
    # An acknowledgement that was lost: the same change once more.
    assert (await client.put(address, json=theirs)).json() == changed.json()
    assert (await client.put(address, json={**mine, "version": 2})).json()["context"] == "mine"
    assert (await client.put(f"{ROOT}/{NOBODY}", json=mine)).status_code == 404


async def test_a_change_without_the_rest_of_the_card_keeps_that(client: httpx.AsyncClient) -> None:
    one = await kept(client, card={"tags": ["a"]})
    address = f"{ROOT}/{one['id']}"
    assert (await client.put(address, json={"name": "R", "version": 1})).json()["card"] == {"tags": ["a"]}
    assert (await client.put(address, json={"name": "R", "version": 2, "card": {}})).json()["card"] == {}


async def test_a_picture_is_stored_clean_and_exported_with_the_card(client: httpx.AsyncClient) -> None:
    one = await kept(client)
    address = f"{ROOT}/{one['id']}"
    assert (await client.get(f"{address}/avatar")).status_code == 404
    assert (await client.get(f"{address}/card", params={"format": "png"})).status_code == 404
    secret = PNG + head() + chunk(b"tEXt", b"where\x00home") + DATA + END
    put = await client.put(f"{address}/avatar", params={"version": 1}, content=secret, headers=PNG_TYPE)
    assert (put.status_code, put.json()["version"], put.json()["avatar"]) == (200, 2, True)
    picture = await client.get(f"{address}/avatar")
    assert (picture.content, picture.headers["content-type"]) == (PLAIN, "image/png")
    late = await client.put(
        f"{address}/avatar",
        params={"version": 1},
        content=secret[:8] + head(2) + DATA + END,
        headers=PNG_TYPE,
    )
    assert late.status_code == 409
    # A change of the texts leaves the picture.
    assert (await client.put(address, json={**RACHEL, "version": 2})).json()["avatar"] is True
    card = await client.get(f"{address}/card", params={"format": "png"})
    assert read_card_file(card.content)["data"]["name"] == "Rachel"  # type: ignore[index]
    assert card.headers["content-disposition"] == 'attachment; filename="character.png"'
    again = await client.post(f"{ROOT}/import", content=card.content, headers=PNG_TYPE)
    assert again.json()["character"]["avatar"] is True
    taken = await client.delete(f"{address}/avatar", params={"version": 3})
    assert taken.json()["avatar"] is False


@pytest.mark.parametrize(
    ("picture", "status"), [(b"GIF89a", 400), (PNG + head(3000) + DATA + END, 400), (bytes(1_100_000), 413)]
)
async def test_what_is_no_picture_is_refused(client: httpx.AsyncClient, picture: bytes, status: int) -> None:
    one = await kept(client)
    address = f"{ROOT}/{one['id']}/avatar"
    put = await client.put(address, params={"version": 1}, content=picture, headers=PNG_TYPE)
    assert put.status_code == status
    assert (await client.get(f"{ROOT}/{one['id']}")).json() == one


async def test_cards_are_imported_and_exported(client: httpx.AsyncClient) -> None:
    card = {"spec": "chara_card_v3", "data": {"name": "R", "description": "d" * 13_000, "creator": "me"}}
    answer = await client.post(f"{ROOT}/import", json=card)
    body = answer.json()
    assert body["cut"] == [{"field": "context", "had": 13_000, "kept": 12_000}]
    assert (body["unused"], body["left_out"]) == (["creator"], [])
    assert len(body["character"]["context"]) == 12_000
    exported = await client.get(f"{ROOT}/{body['character']['id']}/card")
    assert exported.json()["spec"] == "chara_card_v3"
    assert exported.json()["data"]["creator"] == "me"
    marked = b"\xef\xbb\xbf" + json.dumps(card).encode()
    octets = {"Content-Type": "application/octet-stream"}
    assert (await client.post(f"{ROOT}/import", content=marked, headers=octets)).status_code == 200


async def test_a_picture_that_is_too_large_does_not_cost_the_card(client: httpx.AsyncClient) -> None:
    one = await kept(client)
    await client.put(f"{ROOT}/{one['id']}/avatar", params={"version": 1}, content=PLAIN, headers=PNG_TYPE)
    card = (await client.get(f"{ROOT}/{one['id']}/card", params={"format": "png"})).content
    wide = card.replace(head(), head(3000))
    body = (await client.post(f"{ROOT}/import", content=wide, headers=PNG_TYPE)).json()
    assert (body["left_out"], body["character"]["avatar"]) == (["avatar"], False)


@pytest.mark.parametrize(
    ("content", "type_", "status"),
    [
        (b"{}", "application/json", 400),
        (b"PK\x03\x04", "application/octet-stream", 400),
        (PLAIN, "image/png", 400),
        (b'{"name": ', "application/json", 400),
        (b"[" * 100, "application/json", 400),
        (b"{}", "text/plain", 415),
        (bytes(1_600_000), "application/json", 413),
    ],
)
async def test_what_is_no_card_is_refused(
    client: httpx.AsyncClient, content: bytes, type_: str, status: int
) -> None:
    answer = await client.post(f"{ROOT}/import", content=content, headers={"Content-Type": type_})
    assert answer.status_code == status, answer.text
    assert (await client.get(ROOT)).json() == {"characters": []}


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"name": "n" * 51},
        {"context": "c" * 12_001},
        {"alternate_greetings": ["g"] * 31},
        {"lorebook": {"entries": [{"keys": ["k"] * 51}]}},
        {"lorebook": {"entries": [{"enabled": "yes"}]}},
        {"lorebook": {"scan_depth": 1.5}},
        {"greeting": "\x00"},
        {"card": "x"},
    ],
)
async def test_what_breaks_a_rule_is_refused(client: httpx.AsyncClient, wrong: dict[str, Any]) -> None:
    answer = await client.post(ROOT, json={**RACHEL, **wrong})
    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"][0]["loc"][:2] == ["body", next(iter(wrong))]


async def test_a_user_keeps_so_many(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatbot.api.character_keeping.MOST_CHARACTERS", 1)
    assert characters.MOST_CHARACTERS > 100
    await kept(client)
    answer = await client.post(ROOT, json=RACHEL)
    assert (answer.status_code, answer.json()["detail"]) == (409, "캐릭터는 1개까지 둘 수 있습니다.")


async def test_characters_are_their_users(client: httpx.AsyncClient) -> None:
    one = await kept(client)
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/card"), ("GET", "/avatar")):
        answer = await client.request(method, f"{ROOT}/{one['id']}{path}", params={"user_id": "other"})
        assert answer.status_code == 404
    assert (await client.get(ROOT, params={"user_id": "other"})).json() == {"characters": []}
    assert (await client.get(ROOT, params={"user_id": ["u", "other"]})).status_code == 422


async def test_a_key_owns_its_users_characters() -> None:
    state = service_state(ServiceName("character"), keys=ring(None, "u"))
    async with client_of(state) as client:
        for path, method in (
            (ROOT, "GET"),
            (ROOT, "POST"),
            (f"{ROOT}/{NOBODY}", "PUT"),
            (f"{ROOT}/import", "POST"),
        ):
            assert (await client.request(method, path, params=USER)).status_code == 401
            other = await client.request(
                method, path, params={"user_id": "other"}, headers={"Authorization": "Bearer right"}
            )
            assert other.status_code == 403
        mine = await client.get(ROOT, params=USER, headers={"Authorization": "Bearer right"})
        assert mine.status_code == 200


async def test_a_service_without_characters_has_no_such_routes() -> None:
    async with client_of(service_state()) as client:
        assert (await client.get("/office/characters", params=USER)).status_code == 404


async def test_a_character_of_the_greatest_size_is_read_and_changed(client: httpx.AsyncClient) -> None:
    empty = len(characters.CharacterSheet(name="R", card={"x": "-"}).as_json()) - 1
    card = {"x": "y" * (characters.CHARACTER_BYTES - empty)}
    created = await client.post(ROOT, json={"name": "R", "card": card})
    assert created.status_code == 200, created.text[:200]
    address = f"{ROOT}/{created.json()['id']}"
    assert (await client.get(address)).json() == created.json()
    whole = {"name": "S", "card": card, "version": 1}
    changed = await client.put(address, json=whole)
    assert changed.status_code == 200, changed.text[:200]
    late = await client.put(address, json={**whole, "name": "T"})
    assert (late.status_code, late.json()["current"]) == (409, changed.json())
    # With what is kept of its card it would be too large to be read again.
    refused = await client.put(address, json={"name": "S", "context": "c", "version": 2})
    assert (refused.status_code, refused.json()["detail"][0]["type"]) == (422, "character_size")
    assert (await client.get(address)).json() == changed.json()
    more = {"name": "R", "card": {"x": card["x"] + "y"}}
    assert (await client.post(ROOT, json=more)).status_code == 422


async def test_of_many_errors_the_first_are_told_and_how_many_more(client: httpx.AsyncClient) -> None:
    entry = {"keys": [1], "secondary_keys": [1], "enabled": 1, "selective": 1, "constant": 1, "content": 1}
    entry |= {"use_regex": 1, "case_sensitive": 1, "name": 1, "comment": 1, "position": 1, "priority": "1"}
    book = {"entries": [entry], "scan_depth": "x", "token_budget": "x", "recursive_scanning": 1}
    texts = ("name", "nickname", "greeting", "context", "example_dialogue", "post_history_instructions")
    body = {**dict.fromkeys((*texts, "card"), 1), "alternate_greetings": [1] * 9, "lorebook": book}
    answer = await client.post(ROOT, json=body, headers={"Accept-Language": "en"})
    assert answer.status_code == 422
    *first, last = answer.json()["detail"]
    assert len(first) == 20
    assert last == {"loc": [], "msg": "Further errors: 3", "type": "further_errors"}


async def test_nothing_is_kept_where_nothing_can_be_stored() -> None:
    history = MemoryHistory()
    state = service_state(ServiceName("character"), FakeModel(), history=history)
    async with client_of(state, params=USER) as client:
        one = await kept(client)
        address = f"{ROOT}/{one['id']}"
        history.writable = False
        for refused in (
            await client.post(ROOT, json=RACHEL),
            await client.post(f"{ROOT}/import", json={"data": {"name": "R"}}),
            await client.put(address, json=one),
            await client.delete(f"{address}/avatar", params={"version": 1}),
        ):
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert (await client.get(address)).json() == one
        assert (await client.delete(address)).json() == {"deleted": 1}
