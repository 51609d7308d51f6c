"""Reasons and evidence in words: each is a code with its values, and an English sentence made of both.

The terminal, and whatever reads summary.json, take the sentence; the dashboard has a sentence of its own for
each code in the language of its reader (report/dashboard/assets/reasons.js).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SENTENCES: Mapping[str, str] = {
    # The verdict as a whole.
    "no_connection": "not one connection was accepted",
    "no_goals": "no goal was set: the run is valid, and nothing more is said",
    "no_manifest": "no manifest: the run did not finish",
    "unsupervised": "nobody supervised this run: no counters were asked for and no goals judged",
    "missed": "{value}",
    "undecidable": "cannot be decided, {why}",
    # Why a goal cannot be decided.
    "few_values": "n = {n}, needs {needed}",
    "not_measured": "not measured in this run",
    "nothing_counted": "nothing was counted",
    "interval_crosses": "the interval still crosses {limit}",
    # Generators.
    "generators_left": "{count} began and said goodbye",
    "no_goodbye": "{part} did not say goodbye: its process died or could not write any more",
    "other_parts": "{parts} part files of {generators} generators",
    "cannot_record": "generator {number} could not write its records "
    "(locust.log says why: disk full, read-only, gone)",
    "killed": "generator {number} was killed by signal {signal}",
    "ended_with": "generator {number} ended with code {exit} (locust.log says why)",
    # Records.
    "rows_whole": "{rows} rows, none missing, torn or doubled",
    "torn_lines": "{part}: {count} torn lines",
    "missing_records": "{part}: {count} missing records",
    "rows_without_start": "{part}: {count} rows without start",
    "rows_missing": "{part}: {count} rows missing",
    "starts_missing": "{part}: {count} starts missing",
    "rows_twice": "{count} rows twice",
    "no_attempt": "no attempt at all",
    # Whether everything ended.
    "all_ended": "every attempt that began also ended",
    "trouble": "{what}",
    "interrupted": "the run was interrupted",
    "no_end": "{count} attempts have no end: in flight when their generator died",
    "cut_off": "{count} attempts cut off by the generator: the slowest ones are missing",
    # The instrument.
    "headroom": "p95 of CPU {cpu} %, of lateness {lag} ms",
    "cpu_high": "{part}: cpu above {limit} % in {bad} of {total} seconds",
    "lag_high": "{part}: lag above {limit} s in {bad} of {total} seconds",
    "no_beats": "too short: no second was measured",
    "clock_unread": "too short: the clock was not read twice",
    "clock_steady": "the system's clock was not set while the run went",
    "clock_step": "{part}: the clock was set, or the machine slept: a step of {step} s",
    "little": "in flight {counter} s by the counter, {rows} s by the rows",
    "little_nothing": "nothing to compare: at most {limit} s in flight, by the counter and by the rows",
    "closed_loop": "closed loop: no rate to keep",
    "few_arrivals": "fewer than two arrivals",
    "rate_kept": "{achieved} arrivals a second of {wanted}, p99 of lateness {late} ms",
    "rate_off": "{achieved} arrivals a second instead of {wanted}",
    "late": "p99 of lateness {late} s",
    # The services' counters.
    "nobody_asked": "no service was asked",
    "absent": "{source}: not reachable",
    "restarted": "{source}: restarted",
    "counted_agree": "{source}: {counted} counted, {rows} by the rows (agree)",
    "counted_foreign": "{source}: {counted} counted, {rows} by the rows (foreign)",
    "counted_mismatch": "{source}: {counted} counted, {rows} by the rows (mismatch)",
    "counted_restarted": "{source}: {counted} counted, {rows} by the rows (restarted)",
    # What only the terminal says, since such a run has no page.
    "told": "{text}",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason. Its text is the sentence."""

    code: str
    """A key of SENTENCES."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """What the sentence's places hold, as it is shown."""
    about: str = ""
    """The check or goal that it belongs to; "" for the run."""

    def __str__(self) -> str:
        sentence = SENTENCES[self.code].format(**self.values)
        return f"{self.about}: {sentence}" if self.about else sentence

    def coded(self) -> dict[str, Any]:
        """As summary.json has it beside the text."""
        values = {k: v.coded() if isinstance(v, Reason) else v for k, v in self.values.items()}
        return {"code": self.code, "values": values, "about": self.about}


def because(code: str, **values: Any) -> Reason:
    """A reason of the run, a check or a goal; `values` are shown as they are given."""
    return Reason(code, values)
