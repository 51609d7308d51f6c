"""What the person at the terminal sees while a run goes on and when it is over. One screen, no more."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from loadtest.plan import total_seconds
from loadtest.request import Request
from loadtest.tail import Tail
from loadtest.verdict import Exit, Verdict

_EVERY_SECONDS = 10.0
_COLOURS = {Exit.PASSED: "bold green", Exit.MISSED: "bold red", Exit.INVALID: "bold magenta"}
_WORDS = {
    Exit.PASSED: "통과 · PASSED",
    Exit.MISSED: "목표 미달 · GOAL MISSED",
    Exit.INVALID: "무효 · INVALID RUN",
    Exit.UNREACHABLE: "연결 불가 · TARGET UNREACHABLE",
}


class Progress:
    """A line that is rewritten on a terminal, and printed every ten seconds into a log."""

    def __init__(self, console: Console, request: Request) -> None:
        self._console = console
        self._total = total_seconds(request.plan()) or 0
        self._told = -_EVERY_SECONDS
        self._began: float | None = None
        self._drawn = False

    def __call__(self, tail: Tail, elapsed: float) -> None:
        """Shows the state of the run."""
        refused = tail.statuses["429"]
        others = sum(count for status, count in tail.statuses.items() if status not in {"200", "429"})
        line = (
            f"{self._state(tail, elapsed)} | 사용자 users {tail.user_count} | 응답 answers {tail.answers}"
            f" | 진행 in flight {tail.in_flight} | 429 {refused} | 오류 errors {others}"
        )
        if self._console.is_terminal:
            self._console.print(Text(f"\r\x1b[2K{line}"), end="")
            self._drawn = True
        elif elapsed - self._told >= _EVERY_SECONDS:
            self._console.print(line, highlight=False, soft_wrap=True)
            self._told = elapsed

    def _state(self, tail: Tail, elapsed: float) -> str:
        if not tail.stage:
            return "시작 중 · starting"
        if self._began is None:
            self._began = elapsed
        ran = elapsed - self._began
        if tail.stage == "end" or ran > self._total:
            return "마무리 · finishing"
        return f"{ran:.0f}/{self._total:.0f} s, {tail.stage}"

    def close(self) -> None:
        """Leaves the line."""
        if self._drawn:
            self._console.print()


def show(console: Console, verdict: Verdict, summary: Mapping[str, Any], folder: str) -> None:
    """The result on one screen."""
    if summary:
        _numbers(console, summary)
        _gates(console, summary)
        console.print(f"결과 · results: {folder}", highlight=False, soft_wrap=True)
    console.print(Text(_WORDS[verdict.exit], style=_COLOURS.get(verdict.exit, "bold")))
    for reason in verdict.reasons:
        console.print(Text(f"  - {reason}"), soft_wrap=True)


def _numbers(console: Console, summary: Mapping[str, Any]) -> None:
    totals, success, good = summary["totals"], summary["success"], summary["goodput"]
    table = Table(show_header=False, box=None, padding=(0, 2))
    ends = f"{totals['answered']} answered, {totals['failed']} failed, {totals['open']} open"
    table.add_row("질문 · questions", f"{totals['questions']}: {ends}")
    table.add_row("시도 · attempts", f"{totals['attempts']}, {totals['refused']} refused with 429")
    table.add_row("성공률 · success", _share(success))
    table.add_row(f"{good['within_seconds']:g} s 이내 · within", _share(good))
    for name, label in (
        ("perceived", "체감 · perceived"),
        ("attempt", "시도 · attempt"),
        ("first_token", "첫 글자 · first token"),
        ("refusal", "거절 · refusal"),
    ):
        table.add_row(label, _times(summary["latency"][name]))
    table.add_row("처리량 · throughput", _number(totals["answers_per_hour"], " answers/h"))
    busy = summary["concurrency"]
    table.add_row("동시 · concurrency", f"mean {_number(busy['mean'])}, peak {busy['peak']}")
    if knee := busy["knee"]:
        reached = f"{knee['level']} {knee['of']}, {knee['throughput']:.2f} answers/s"
        text = reached if knee["reached"] else f"not reached up to {knee['level']} {knee['of']}"
        table.add_row("포화점 · knee", text)
    console.print(table)


def _gates(console: Console, summary: Mapping[str, Any]) -> None:
    table = Table(show_header=False, box=None, padding=(0, 2))
    for check in summary["checks"]:
        table.add_row(check["name"], check["state"], Text(check["detail"]))
    for goal in summary["goals"]:
        crossed = goal["low"] is not None and not goal["proven"]
        proven = ", not proven at 95 %" if crossed else ""
        table.add_row(goal["goal"], goal["state"], f"{_number(goal['value'])} (n = {goal['n']}{proven})")
    console.print(table)


def _share(share: Mapping[str, Any]) -> str:
    if not share["n"]:
        return "-"
    low, high = 100 * share["low"], 100 * share["high"]
    return f"{100 * share['share']:.2f} % of n = {share['n']} (95 %: {low:.2f} to {high:.2f})"


def _times(times: Mapping[str, Any]) -> str:
    if not times["n"]:
        return "-"
    known = [
        f"{name} {times[name]:.3f}"
        for name in ("mean", "p50", "p95", "p99", "max")
        if times[name] is not None
    ]
    return f"{', '.join(known)} s (n = {times['n']})"


def _number(value: float | None, unit: str = "") -> str:
    return "-" if value is None else f"{value:.2f}{unit}"
