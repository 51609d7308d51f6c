"""Speculation: rows that cost little compute tokens that probably follow, so that a call gives several.

A call of a few sequences waits for the weights, and more rows cost little. Behind a stream's last token they
hold the tokens that are guessed to follow it. The sampler then walks the rows in order and goes on while it
chooses what was guessed. So the answer is the same as without, to the token.
"""

from collections.abc import Collection

from chatbot.llm.llama.stream import Stream
from chatbot.scheduling.draft_rows import draft_rows
from chatbot.scheduling.row_times import RowTimes
from chatbot.scheduling.slices import UNTILED_ROWS
from chatbot.scheduling.tuning import DEAR_MASK

_LONGEST = 0.25
"""Seconds by which drafts lengthen a call at most: whoever comes or leaves meanwhile waits for it."""

Drafts = dict[Stream, list[int]]
"""The tokens that are guessed to follow a stream's last one, of those streams that have any."""


class Drafter:
    """Chooses what the free rows of a call compute."""

    def __init__(self, times: RowTimes, ends: Collection[int]) -> None:
        """``ends`` are the tokens that end an answer."""
        self._times = times
        self._ends = ends

    def choose(self, streams: list[Stream], free_cells: int) -> Drafts:
        """Drafts for a call that writes a token for each of these streams, and nothing else.

        Args:
            streams: Those in the call.
            free_cells: Cells that nobody holds after the call's own rows have theirs.
        """
        most = min(UNTILED_ROWS - len(streams), free_cells)
        guesses = [self._guess(stream, most) for stream in streams]
        if not any(tokens for tokens, _ in guesses):
            return {}
        rows = draft_rows(
            [chances for _, chances in guesses], self._times.seconds, most=most, longest=_LONGEST
        )
        return {
            stream: tokens[:count]
            for stream, (tokens, _), count in zip(streams, guesses, rows, strict=True)
            if count
        }

    def _guess(self, stream: Stream, most: int) -> tuple[list[int], list[float]]:
        source = stream.draft_source
        # The last token of an answer needs no row after it.
        wanted = min(most, stream.ticket.progress.max_tokens - stream.produced - 1)
        if stream.sampler.mask_times.usual > DEAR_MASK:
            # Each token of a draft would need such a mask.
            wanted = 0
        if not source.read(stream.tokens, stream.prompt_length) or wanted < 1:
            return [], []
        tokens, chances = source.guess(stream.tokens, wanted, self._ends)
        possible = stream.sampler.possible(tokens)
        return tokens[:possible], chances[:possible]
