"""What a response puts out: a message, or the call of a tool that was forced, whole and as it grows.

Source: OpenAI API reference, "Responses" and "Streaming events".
"""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from chatbot.api.openai.tools import CallText

Event = tuple[str, Mapping[str, Any]]
"""The kind of a stream's event, without ``response.`` in front, and what it tells beside its number."""


class OutputItem(Protocol):
    """The only item of a response's output, from a text that comes in pieces."""

    def grow(self, text: str) -> Iterator[Event]:
        """What a further piece is told by."""
        ...

    def end(self, status: str, text: str) -> Iterator[Event]:
        """What its end is told by; ``text`` is all of it."""
        ...

    def output(self, status: str, text: str) -> list[dict[str, Any]]:
        """The output of a response with this text."""
        ...


class MessageItem:
    """Implements OutputItem: what the assistant says."""

    def __init__(self, request_id: str) -> None:
        self._id = f"msg_{request_id}"
        self._begun = False

    def grow(self, text: str) -> Iterator[Event]:
        """See OutputItem."""
        yield from self._begin()
        yield self._of_part("output_text.delta", delta=text, logprobs=[])

    def end(self, status: str, text: str) -> Iterator[Event]:
        """See OutputItem; a message without a text begins at its end."""
        yield from self._begin()
        yield self._of_part("output_text.done", text=text, logprobs=[])
        yield self._of_part("content_part.done", part=_text_part(text))
        yield "output_item.done", {"output_index": 0, "item": self._item(status, [_text_part(text)])}

    def output(self, status: str, text: str) -> list[dict[str, Any]]:
        """See OutputItem."""
        return [self._item(status, [_text_part(text)])]

    def _begin(self) -> Iterator[Event]:
        if not self._begun:
            self._begun = True
            yield "output_item.added", {"output_index": 0, "item": self._item("in_progress", [])}
            yield self._of_part("content_part.added", part=_text_part(""))

    def _of_part(self, kind: str, **data: Any) -> Event:
        """An event of the message's only part."""
        return kind, {"item_id": self._id, "output_index": 0, "content_index": 0, **data}

    def _item(self, status: str, content: list[Mapping[str, Any]]) -> dict[str, Any]:
        return {
            "id": self._id,
            "type": "message",
            "role": "assistant",
            "status": status,
            "content": content,
        }


class CallItem:
    """Implements OutputItem: a forced call. Of one that was cut within its name nothing is told."""

    def __init__(self, request_id: str) -> None:
        self._id = f"fc_{request_id}"
        self._call_id = f"call_{request_id}"
        self._call = CallText()

    def grow(self, text: str) -> Iterator[Event]:
        """See OutputItem."""
        name, arguments = self._call.feed(text)
        if name is not None:
            yield "output_item.added", {"output_index": 0, "item": self._item("in_progress", name, "")}
        if arguments:
            yield self._of_arguments("delta", delta=arguments)

    def end(self, status: str, text: str) -> Iterator[Event]:
        """See OutputItem."""
        for item in self.output(status, text):
            yield self._of_arguments("done", arguments=item["arguments"])
            yield "output_item.done", {"output_index": 0, "item": item}

    def output(self, status: str, text: str) -> list[dict[str, Any]]:
        """See OutputItem."""
        name, arguments = CallText().feed(text)
        return [] if name is None else [self._item(status, name, arguments)]

    def _of_arguments(self, kind: str, **data: Any) -> Event:
        return f"function_call_arguments.{kind}", {"item_id": self._id, "output_index": 0, **data}

    def _item(self, status: str, name: str, arguments: str) -> dict[str, Any]:
        return {
            "id": self._id,
            "type": "function_call",
            "status": status,
            "call_id": self._call_id,
            "name": name,
            "arguments": arguments,
        }


def _text_part(text: str) -> Mapping[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
