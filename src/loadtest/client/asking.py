"""How the load test asks a service about itself: one short GET, no proxy and no password of this machine."""

import requests

from loadtest.client.events import parse_json

ASK_SECONDS = 5.0


class UnreachableError(Exception):
    """Nobody answers there, or not as a service does; the message says where and what was wrong."""


def get(url: str, *, host: str | None = None, accept: str = "*/*") -> requests.Response:
    """The answer to a GET, whatever its status. `host`: the Host header, where the address names a pod.

    Raises UnreachableError.
    """
    headers = {"Connection": "close", "Accept": accept, **({"Host": host} if host else {})}
    with requests.Session() as session:
        session.trust_env = False
        try:
            return session.get(url, headers=headers, timeout=ASK_SECONDS)
        except (requests.RequestException, ValueError) as error:
            raise UnreachableError(f"{url}: {error}") from error


def get_json(url: str, *, host: str | None = None) -> object:
    """The JSON of a 200. Raises UnreachableError."""
    response = get(url, host=host, accept="application/json")
    if response.status_code != requests.codes.ok:
        raise UnreachableError(f"{url}: status {response.status_code}")
    return json_of(response)


def json_of(response: requests.Response) -> object:
    """The JSON of an answer. Raises UnreachableError."""
    try:
        return parse_json(response.content)
    except ValueError as error:
        raise UnreachableError(f"{response.url}: {error}") from error
