"""What the person at the terminal sees while a run goes on and when it is over. One screen, no more."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.live import Live
from rich.table import Table
from rich.text import Text

from loadtest.judge.verdict import Exit, Verdict
from loadtest.plan.request import RunRequest
from loadtest.plan.stages import total_seconds
from loadtest.run.tail import Tail
from loadtest.run.terminal import Terminal

_EVERY_SECONDS = 10.0
_COLOURS = {Exit.PASSED: "bold green", Exit.MISSED: "bold red", Exit.INVALID: "bold magenta"}
_LATENCIES = (
    ("perceived", "체감 · perceived"),
    ("attempt", "시도 · attempt"),
    ("server", "서버 · server"),
    ("first_token", "첫 글자 · first token"),
    ("refusal", "거절 · refusal"),
    ("intended", "예정부터 · from intended"),
)
_WORDS = {
    Exit.PASSED: "통과 · PASSED",
    Exit.MISSED: "목표 미달 · GOAL MISSED",
    Exit.INVALID: "무효 · INVALID RUN",
    Exit.UNREACHABLE: "연결 불가 · TARGET UNREACHABLE",
}


class RunProgress:
    """A line that is rewritten on a terminal, and printed every ten seconds into a log."""

    def __init__(self, console: Terminal, request: RunRequest) -> None:
        self._console = console
        self._total = total_seconds(request.stages()) or 0
        self._told = -_EVERY_SECONDS
        self._began: float | None = None
        self._line = Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)

    def __call__(self, tail: Tail, elapsed: float) -> None:
        """Shows the state of the run."""
        refused = tail.statuses["429"]
        others = sum(count for status, count in tail.statuses.items() if status not in {"200", "429"})
        line = (
            f"{self._state(tail, elapsed)} | 사용자 users {tail.user_count} | 응답 answers {tail.answers}"
            f" | 진행 in flight {tail.in_flight} | 429 {refused} | 오류 errors {others}"
        )
        if self._console.is_terminal:
            self._line.start()
            self._line.update(Text(line, no_wrap=True, overflow="ellipsis"), refresh=True)
        elif elapsed - self._told >= _EVERY_SECONDS:
            self._console.print(line, highlight=False, soft_wrap=True)
            self._told = elapsed

    def tell(self, text: str) -> None:
        """A sentence about what happens now, on a line of its own."""
        self._console.print(text, highlight=False, soft_wrap=True, markup=False)

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
        self._line.stop()


def show(console: Terminal, verdict: Verdict | None, summary: Mapping[str, Any], folder: str) -> None:
    """The result on one screen; without a verdict when nobody judged."""
    if summary:
        _numbers(console, summary)
        _gates(console, summary)
        console.print(f"결과 · results: {folder}", highlight=False, soft_wrap=True)
    if verdict is None:
        console.print(Text("판정 없음 · NOT JUDGED", style="bold"))
    else:
        console.print(Text(_WORDS[verdict.exit], style=_COLOURS.get(verdict.exit, "bold")))
    for reason in verdict.reasons if verdict else summary["verdict"]["reasons"]:
        console.print(Text(f"  - {reason}"), soft_wrap=True)


def _numbers(console: Terminal, summary: Mapping[str, Any]) -> None:
    totals, success, good = summary["totals"], summary["success"], summary["goodput"]
    table = Table(show_header=False, box=None, padding=(0, 2))
    ends = f"{totals['answered']} answered, {totals['failed']} failed, {totals['open']} open"
    if left := summary["waiting"]["left"]:
        ends += f" ({left} of the failed waited out a 429 when their stage or the run ended)"
    table.add_row("질문 · questions", f"{totals['questions']}: {ends}")
    flying = f", {totals['in_flight']} in flight at the end" if totals["in_flight"] else ""
    table.add_row("시도 · attempts", f"{totals['attempts']}, {totals['refused']} refused with 429{flying}")
    table.add_row("성공률 · success", _share(success))
    table.add_row(f"{good['within_seconds']:g} s 이내 · within", _share(good))
    for name, label in _LATENCIES:
        if summary["latency"][name]["n"]:
            table.add_row(label, _times(summary["latency"][name]))
    table.add_row("처리량 · throughput", _number(totals["answers_per_hour"], " answers/h"))
    busy = summary["concurrency"]
    table.add_row("동시 · concurrency", f"mean {_number(busy['mean'])}, peak {busy['peak']}")
    if busy["knee"]:
        table.add_row("포화점 · knee", _knee(busy["knee"]))
    for row in _stages(summary["stages"]):
        table.add_row(*row)
    if lost := summary.get("rooms", {}).get("failed"):
        table.add_row("대화방 · rooms", f"{lost} users' rooms could not be deleted")
    console.print(table)


def _knee(knee: Mapping[str, Any]) -> str:
    where = f"{knee['level']} {knee['of']}"
    if not knee["reached"]:
        return f"not reached up to {where}"
    return f"{'at most ' if knee['lowest'] else ''}{where}, {knee['throughput']:.2f} answers/s"


def _stages(stages: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if (kept := stages["overload_kept_percent"]) is not None:
        yield "과부하 · overload", f"{kept:.0f} % of the answers/s before it"
    if (back := stages["recovery_seconds"]) is not None:
        yield "회복 · recovery", f"last refusal or error {back:.1f} s after the overload"
    if (drift := stages["drift_percent"]) is not None:
        yield "변화 · drift", f"median {drift:+.1f} %, last stage against the first"


def _gates(console: Terminal, summary: Mapping[str, Any]) -> None:
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
