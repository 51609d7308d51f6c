"""Open WebUI's requests to an OpenAI connection, by the documented behaviour of its backend.

Every chat streams with usage; its parameters stand in the body only where the user set them; tools come with
``tool_choice`` absent; titles, tags and follow-ups are tasks of their own without a stream; Continue sends
the assistant's message last; the whole conversation is sent each time.
"""

from typing import Any

from clients import raw, told

_HEADERS = {
    "Authorization": "Bearer unused",
    "X-OpenWebUI-User-Name": "Kim",
    "X-OpenWebUI-User-Id": "5f0c7a52-5a5e-4c0b-9d55-5d8e7a6f0e11",
    "X-OpenWebUI-User-Role": "user",
}
_TITLE = (
    "### Task:\nGenerate a concise, 3-5 word title with an emoji summarizing the chat history.\n"
    '### Output:\nJSON format: { "title": "your concise title here" }\n'
    "### Chat History:\n<chat_history>\nUSER: 안녕하세요!\nASSISTANT: 안녕하세요.\n</chat_history>"
)


def _chat_body(messages: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    usage = {"include_usage": True}
    return {"stream": True, "model": "Llama", "messages": messages, "stream_options": usage, **more}


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


@told.operation("list")
def _list(base: str) -> None:
    told.check("Llama" in raw.names_of_models(base, _HEADERS), "no Llama")


@told.operation("chat")
def _chat(base: str) -> None:
    title = {"model": "Llama", "messages": [_user(_TITLE)], "stream": False, "max_completion_tokens": 60}
    told.check(raw.answer_of(base, title, _HEADERS), "no title")


@told.operation("stream")
def _stream(base: str) -> None:
    system = {"role": "system", "content": "짧게 답합니다."}
    body = _chat_body([system, _user(told.QUESTION)], temperature=0.8, max_tokens=60)
    told.check(raw.answer_of(base, body, _HEADERS), "no text")


@told.operation("stop early")
def _stop_early(base: str) -> str:
    return raw.leave_after_first(base, _chat_body([_user(told.ENDLESS)], max_tokens=1000), _HEADERS)


@told.operation("tools, auto")
def _tools_auto(base: str) -> None:
    body = _chat_body([_user(told.QUESTION)], tools=[told.TOOL], max_tokens=60)
    told.check(raw.answer_of(base, body, _HEADERS), "no text")


@told.operation("continue")
def _continue(base: str) -> None:
    begun = {"role": "assistant", "content": "하나, 둘, 셋,"}
    body = _chat_body([_user("열까지 세어 주세요."), begun], max_tokens=30)
    text = raw.answer_of(base, body, _HEADERS)
    told.check(text and not text.startswith(begun["content"]), f"{text!r}")


@told.operation("200 turns")
def _many_turns(base: str) -> None:
    messages: list[dict[str, Any]] = []
    for number in range(1, told.TURNS + 1):
        messages.append(_user(told.turn_of(number)))
        text = raw.answer_of(base, _chat_body(messages, max_tokens=4), _HEADERS)
        told.check(text, f"no text in turn {number}")
        messages.append({"role": "assistant", "content": text})


if __name__ == "__main__":
    told.run()
