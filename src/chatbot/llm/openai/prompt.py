"""A conversation as the messages of OpenAI's protocol, cut to fit by an approximate token count.

The tokenizer of a foreign model is not at hand, so tokens are estimated from characters.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache

from chatbot.domain.config import ANSWER_RESERVE, summary_reserve
from chatbot.domain.control_tokens import defused
from chatbot.domain.errors import PromptTooLong
from chatbot.domain.messages import Conversation, Exchange, PromptReport
from chatbot.domain.token_estimate import CHARS_PER_TOKEN, estimate_tokens

Message = dict[str, str]
_Kept = tuple[Exchange, list[Message]]

_MESSAGE_TOKENS = 4
"""What the protocol's frame around a message costs."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Messages to send, their estimated tokens, and what entered them."""

    messages: list[Message]
    tokens: int
    report: PromptReport


def build_prompt(conversation: Conversation, context_tokens: int, redact: Callable[[str], str]) -> Prompt:
    """Render ``conversation`` within ``context_tokens``, less the reserve for the answer.

    Every text passes ``redact`` first and loses what a server could take for a control token. The oldest
    exchanges are left out first, then the last references, then what belongs to the scene, at last the facts.
    For exchanges that are left out stands a summary, if there is one and it fits.

    Raises:
        PromptTooLong: persona, opening and question alone do not fit.
    """

    # Quotes are looked at again for each that has to go, turns for the summary.
    leaving = cache(lambda text: defused(redact(text)))
    costs = cache(lambda text: _cost(leaving(text)))
    limit = context_tokens - ANSWER_RESERVE
    fixed = (conversation.system_text, conversation.opening or "", conversation.question)
    if not _may_fit(fixed, limit):
        raise PromptTooLong(sum(map(estimate_tokens, fixed)), limit)
    tokens: dict[str, int] = {}
    for part in conversation.system:
        if part.text:
            tokens[part.name] = tokens.get(part.name, 0) + _cost(leaving(part.text))
    question = leaving(conversation.question)
    tokens["question"] = _cost(question)
    opening = None if conversation.opening is None else leaving(conversation.opening)
    if opening is not None:
        tokens["opening"] = _cost(opening)
    needed = sum(tokens.values())
    if needed > limit:
        raise PromptTooLong(needed, limit)

    while needed + sum(costs(part.text) for part in conversation.quoted) > limit:
        conversation = conversation.with_fewer_quotes()
    references = [leaving(part.text) for part in conversation.quoted]
    for part, text in zip(conversation.quoted, references, strict=True):
        tokens[part.name] = tokens.get(part.name, 0) + _cost(text)
        needed += _cost(text)

    kept, summary = _history(conversation, limit - needed, context_tokens, leaving)
    if summary:
        tokens["summary"] = _cost(summary)
    elif summary is not None:
        conversation = replace(conversation, left_out=(*conversation.left_out, "summary"))
    history = [message for _, pair in kept for message in pair]
    if kept:
        tokens["history"] = sum(_cost(message["content"]) for message in history)
    needed += tokens.get("summary", 0) + tokens.get("history", 0)

    system = leaving(conversation.system_text)
    messages = [_message("system", system)] if system else []
    if opening is not None:
        messages.append(_message("assistant", opening))
    said = [*history, _message("user", "\n\n".join([*references, question]))]
    # Roles alternate: what stands for the turns before the first one stands in it.
    first = _message("user", "\n\n".join([*([summary] if summary else []), said[0]["content"]]))
    return Prompt([*messages, first, *said[1:]], needed, _report(conversation, tokens, len(kept)))


def _history(
    conversation: Conversation, room: int, context_tokens: int, leaving: Callable[[str], str]
) -> tuple[list[_Kept], str | None]:
    """The newest exchanges that fit, and what stands for those before; "" where that exceeds the reserve.

    As for the models of our own, the reserve is kept free for it, whatever its length.
    """
    exchanges = conversation.exchanges
    kept = _newest(exchanges, room, leaving)
    if not conversation.summaries or len(kept) == len(exchanges):
        return kept, None
    reserve = summary_reserve(context_tokens, room)
    kept = _newest(exchanges, room - reserve, leaving)
    summary = conversation.summary_before([exchange for exchange, _ in kept])
    if summary is None:
        return kept, None
    text = leaving(summary.text)
    return kept, text if _cost(text) <= reserve else ""


def _newest(exchanges: Sequence[Exchange], room: int, leaving: Callable[[str], str]) -> list[_Kept]:
    """The newest exchanges that fit, oldest first, each with its messages."""
    kept: list[_Kept] = []
    for exchange in reversed(exchanges):
        if not _may_fit((exchange.question, exchange.answer), room):
            break
        pair = [
            _message("user", leaving(exchange.question)),
            _message("assistant", leaving(exchange.answer)),
        ]
        room -= sum(_cost(message["content"]) for message in pair)
        if room < 0:
            break
        kept.append((exchange, pair))
    kept.reverse()
    return kept


def _may_fit(texts: Iterable[str], tokens: int) -> bool:
    """Whether texts may have so few tokens, by their lengths: what a stranger may send takes long to read."""
    return sum(map(len, texts)) <= CHARS_PER_TOKEN * max(tokens, 0)


def _report(conversation: Conversation, tokens: dict[str, int], kept: int) -> PromptReport:
    indexes = tuple(exchange.index for exchange in conversation.exchanges)
    first = len(indexes) - kept
    return PromptReport(tokens, indexes[first:], indexes[:first], conversation.left_out)


def _cost(text: str) -> int:
    return estimate_tokens(text) + _MESSAGE_TOKENS


def _message(role: str, content: str) -> Message:
    return {"role": role, "content": content}
