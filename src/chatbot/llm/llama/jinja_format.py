"""A model's own chat template from its GGUF file, rendered so that content stays apart from it.

The template sees sentinels instead of texts; its output is split at them. What stands between sentinels is
template and may hold special tokens, what they stand for is content and may not.
"""

import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from chatbot.domain.messages import Conversation, Exchange, PromptPart
from chatbot.llm.llama.pieces import (
    OPENING,
    Endings,
    Piece,
    begun_pieces,
    earlier_turns,
    system_pieces,
    user_pieces,
)

Message = tuple[str, list[Piece]]
"""A role and the pieces of its content."""

_TRAINING_TAGS = re.compile(r"\{%-?\s*(?:end)?generation\s*-?%\}")
"""Marks of what a model was trained on; they render nothing, and plain Jinja does not know them."""

_TRIAL = Conversation(
    system=(PromptPart("rules", "r"),), opening="o", exchanges=(Exchange(1, "q", "a"),), question="q"
)


class TemplateUnusable(Exception):
    """The template cannot carry our conversations; the message says why."""


class JinjaFormat:
    """Renders through ``template``; folds what it has no role for into a role that it has."""

    def __init__(self, template: str, begin: str, end: str) -> None:
        """Compile and try the template.

        Raises:
            TemplateUnusable: it fails, drops or repeats content in every way that we can arrange it.
        """
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.globals["raise_exception"] = _refuse
        environment.globals["strftime_now"] = _today
        self._specials = {"bos_token": begin, "eos_token": end}
        try:
            self._template = environment.from_string(_TRAINING_TAGS.sub("", template))
        except TemplateError as error:
            raise TemplateUnusable(f"the chat template does not compile: {error}") from error
        self._arrange = self._first_that_works()

    def pieces(self, conversation: Conversation) -> list[Piece]:
        """See PromptFormat; a begun answer stands behind what the template puts before answers."""
        return self._render(self._arrange(conversation)) + begun_pieces(conversation)

    def endings(self, conversation: Conversation) -> Endings:
        """The end tokens are all that a chat model needs."""
        return Endings(continues=bool(conversation.begun))

    def _first_that_works(self) -> Callable[[Conversation], list[Message]]:
        reasons = []
        for arrange in (_with_all_roles, _opening_in_system, _all_in_first_user):
            try:
                self._render(arrange(_TRIAL))
            except TemplateUnusable as error:
                reasons.append(str(error))
            else:
                return arrange
        raise TemplateUnusable("; ".join(dict.fromkeys(reasons)))

    def _render(self, messages: list[Message]) -> list[Piece]:
        nonce = secrets.token_hex(8)
        contents = [piece for _, pieces in messages for piece in pieces]
        names = iter(f"S{nonce}N{number}E" for number in range(len(contents)))
        shown = [{"role": role, "content": "".join(next(names) for _ in pieces)} for role, pieces in messages]
        try:
            # Without thinking aloud: the answer is what the client sees from its first token.
            text = self._template.render(
                messages=shown, add_generation_prompt=True, enable_thinking=False, **self._specials
            )
        except (TemplateError, TypeError, ValueError, KeyError, AttributeError) as error:
            raise TemplateUnusable(f"the chat template fails: {error}") from error
        parts = re.split(rf"S{nonce}N(\d+)E", text)
        if [int(number) for number in parts[1::2]] != list(range(len(contents))):
            raise TemplateUnusable("the chat template drops, repeats or reorders content")
        result = [Piece(parts[0], trusted=True)]
        for piece, following in zip(contents, parts[2::2], strict=True):
            result += [piece, Piece(following, trusted=True, turn=piece.turn)]
        return [piece for piece in result if piece.text]


def _with_all_roles(conversation: Conversation) -> list[Message]:
    messages: list[Message] = [("system", list(system_pieces(conversation)))]
    if conversation.opening:
        messages.append(("assistant", [Piece(conversation.opening.strip(), OPENING)]))
    return [message for message in [*messages, *_dialogue(conversation)] if message[1]]


def _opening_in_system(conversation: Conversation) -> list[Message]:
    messages: list[Message] = [("system", _system_with_opening(conversation)), *_dialogue(conversation)]
    return [message for message in messages if message[1]]


def _all_in_first_user(conversation: Conversation) -> list[Message]:
    system = _system_with_opening(conversation)
    (role, first), *others = _dialogue(conversation)
    gap = [Piece("\n\n", trusted=True)] if system else []
    return [(role, [*system, *gap, *first]), *others]


def _system_with_opening(conversation: Conversation) -> list[Piece]:
    system = list(system_pieces(conversation))
    if conversation.opening:
        said = f"{conversation.speakers.assistant}: {conversation.opening.strip()}"
        system += [*([Piece("\n\n", trusted=True)] if system else []), Piece(said, OPENING)]
    return system


def _dialogue(conversation: Conversation) -> list[Message]:
    messages: list[Message] = []
    for asked, answered in earlier_turns(conversation):
        messages += [("user", asked), ("assistant", [answered])]
    return [*messages, ("user", list(user_pieces(conversation)))]


def _today(form: str) -> str:
    return datetime.now(UTC).strftime(form)


def _refuse(message: str) -> Any:
    raise TemplateError(message)
