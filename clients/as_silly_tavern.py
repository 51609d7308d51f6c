"""SillyTavern's requests to a "custom (OpenAI-compatible)" endpoint, by its documented behaviour.

A card as system messages, example dialogue as named ones, the greeting as the assistant's first message, the
card's last instructions behind the user's line; all its sliders in every request. Continue sends a nudge as a
system message behind the answer, or, with "continue prefill", the answer itself last.
"""

from typing import Any

from clients import raw, told

_CARD: list[dict[str, Any]] = [
    {"role": "system", "content": "Write Rachel's next reply in a fictional chat between Rachel and Kim."},
    {"role": "system", "content": "Rachel is a librarian with a dry wit. {{user}} is new in town."},
    {"role": "system", "content": "[Example Chat]"},
    {"role": "system", "name": "example_user", "content": "Got any maps?"},
    {"role": "system", "name": "example_assistant", "content": "*sighs* Third shelf."},
    {"role": "system", "content": "[Start a new Chat]"},
    {"role": "assistant", "name": "Rachel", "content": "*looks up* Oh, hello!"},
]
_LAST = {"role": "system", "content": "[Write in a literary style.]"}
_NUDGE = {
    "role": "system",
    "content": "[Continue your last message without repeating its original content.]",
}


def _body(messages: list[dict[str, Any]], *, stream: bool = True, length: int = 60) -> dict[str, Any]:
    return {
        "messages": messages,
        "model": "Llama",
        "temperature": 0.9,
        "frequency_penalty": 0,
        "presence_penalty": 0,
        "top_p": 0.95,
        "max_tokens": length,
        "stream": stream,
        "stop": ["\nKim:"],
        "logit_bias": {},
        "n": 1,
        "user_name": "Kim",
        "char_name": "Rachel",
        "group_names": [],
        "include_reasoning": False,
        "reasoning_effort": "medium",
        "enable_web_search": False,
        "request_images": False,
    }


def _kim(text: str) -> dict[str, Any]:
    return {"role": "user", "name": "Kim", "content": text}


def _rachel(text: str) -> dict[str, Any]:
    return {"role": "assistant", "name": "Rachel", "content": text}


@told.operation("list")
def _list(base: str) -> None:
    told.check("Llama" in raw.names_of_models(base), "no Llama")


@told.operation("chat")
def _chat(base: str) -> None:
    told.check(raw.answer_of(base, _body([*_CARD, _kim("Hi."), _LAST], stream=False)), "no text")


@told.operation("stream")
def _stream(base: str) -> None:
    told.check(raw.answer_of(base, _body([*_CARD, _kim("Hi."), _LAST])), "no text")


@told.operation("stop early")
def _stop_early(base: str) -> str:
    return raw.leave_after_first(base, _body([*_CARD, _kim("Tell me a very long story.")], length=1000))


@told.operation("tools, auto")
def _tools_auto(base: str) -> None:
    body = {**_body([*_CARD, _kim("Hi.")]), "tools": [told.TOOL], "tool_choice": "auto"}
    told.check(raw.answer_of(base, body), "no text")


@told.operation("continue")
def _continue(base: str) -> None:
    begun = [*_CARD, _kim("Which shelf?"), _rachel("*points to the")]
    told.check(raw.answer_of(base, _body([*begun, _NUDGE])), "no text behind the nudge")
    text = raw.answer_of(base, _body(begun))
    told.check(text and not text.startswith("*points"), f"{text!r}")


@told.operation("200 turns")
def _many_turns(base: str) -> None:
    messages = list(_CARD)
    for number in range(1, told.TURNS + 1):
        messages.append(_kim(f"And book number {number}?"))
        text = raw.answer_of(base, _body([*messages, _LAST], length=4))
        messages.append(_rachel(text or "..."))


if __name__ == "__main__":
    told.run()
