"""From recorded parts to a summary with its verdict: for the parent of a run, and for what is left of a run
whose parent is gone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from loadtest.client.counters import Count
from loadtest.judge import reconcile, summary
from loadtest.judge.checks import check_parts, check_run
from loadtest.judge.goals import judge
from loadtest.judge.reasons import Reason, because
from loadtest.judge.verdict import Exit, Verdict, decide, invalidating
from loadtest.plan.request import DEFAULT_GOOD_SECONDS, DEFAULT_LAG_SECONDS, RunRequest
from loadtest.record.parts import RecordedRun

NO_MANIFEST = because("no_manifest")
UNSUPERVISED = because("unsupervised")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a parent saw beside the parts."""

    before: Sequence[Count]
    """The services' counters before the load."""
    after: Sequence[Count]
    """The same after it."""
    seconds: float
    """Between the two."""
    generators: int
    """How many processes were started."""
    exit_codes: Sequence[int]
    """Theirs, in order; a signal's number negative."""
    interrupted: bool
    """Whether somebody ended the run before its time."""


def judge_run(
    request: RunRequest, found: RecordedRun, identity: Mapping[str, Any], evidence: Evidence
) -> tuple[Verdict, dict[str, Any]]:
    """The verdict of a supervised run, and everything of summary.json."""
    analysis = summary.analyse(found)
    comparisons = reconcile.compare(
        found.ended, found.opened, evidence.before, evidence.after, evidence.seconds
    )
    checked = check_run(
        found,
        generators=evidence.generators,
        exit_codes=evidence.exit_codes,
        interrupted=evidence.interrupted,
        plan=request.stages(),
        comparisons=comparisons,
        most_lag=request.max_lag,
    )
    measures = analysis.measures()
    judged = [judge(goal, measures, prove=request.prove) for goal in request.goals]
    verdict = decide(analysis.attempts, checked, judged)
    written = {
        "run": identity,
        "verdict": told(verdict),
        **summary.build(analysis, request.good_within),
        "goals": [goal.as_dict() for goal in judged],
        "checks": [check.as_dict() for check in checked],
        "counters": [asdict(comparison) for comparison in comparisons],
    }
    return verdict, written


def judge_remains(found: RecordedRun, identity: Mapping[str, Any]) -> tuple[Verdict | None, dict[str, Any]]:
    """What can be said of parts without a parent's manifest: INVALID where something is missing, and always
    for a run that had a parent (`identity` is its run.json). None: locust ran by itself and nothing is
    missing, but nobody judged.
    """
    analysis = summary.analyse(found)
    expected = int(identity.get("processes", len(found.parts)))
    checked = check_parts(found, expected, (), interrupted=False, most_lag=DEFAULT_LAG_SECONDS)
    reasons = invalidating(checked)
    if identity:
        reasons.insert(0, NO_MANIFEST)
    verdict = Verdict(Exit.INVALID, tuple(reasons)) if reasons else None
    written = {
        "run": dict(identity),
        "verdict": told(verdict) if verdict else _said(None, "unjudged", [UNSUPERVISED]),
        **summary.build(analysis, float(identity.get("good_within", DEFAULT_GOOD_SECONDS))),
        "goals": [],
        "checks": [check.as_dict() for check in checked],
        "counters": [],
    }
    return verdict, written


def told(verdict: Verdict) -> dict[str, Any]:
    """A verdict as summary.json has it."""
    return _said(int(verdict.exit), verdict.word, verdict.reasons)


def _said(code: int | None, word: str, reasons: Sequence[Reason]) -> dict[str, Any]:
    return {
        "exit": code,
        "word": word,
        "reasons": [str(reason) for reason in reasons],
        "coded": [reason.coded() for reason in reasons],
    }
