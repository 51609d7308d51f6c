"""From recorded parts to a summary with its verdict: for the parent of a run, and for what is left of a run
whose parent is gone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from loadtest import reconcile, summary
from loadtest.checks import check_parts, check_run
from loadtest.counters import Count
from loadtest.parts import Run
from loadtest.reasons import Reason, because
from loadtest.request import DEFAULT_GOOD_SECONDS, DEFAULT_LAG, Request
from loadtest.slo import judge
from loadtest.verdict import Exit, Verdict, decide, invalidating

NO_MANIFEST = because("no_manifest")
UNSUPERVISED = because("unsupervised")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a parent saw beside the parts: counters before and after with the seconds between, and how its
    generators ended.
    """

    before: Sequence[Count]
    after: Sequence[Count]
    seconds: float
    generators: int
    exit_codes: Sequence[int]
    interrupted: bool


def judge_run(
    request: Request, found: Run, identity: Mapping[str, Any], evidence: Evidence
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
        plan=request.plan(),
        comparisons=comparisons,
        most_lag=request.most_lag,
    )
    measures = analysis.measures()
    judged = [judge(goal, measures, prove=request.prove) for goal in request.goals]
    verdict = decide(analysis.attempts, checked, judged)
    written = {
        "run": identity,
        "verdict": told(verdict),
        **summary.build(analysis, request.good_seconds),
        "goals": [goal.as_dict() for goal in judged],
        "checks": [check.as_dict() for check in checked],
        "counters": [asdict(comparison) for comparison in comparisons],
    }
    return verdict, written


def judge_remains(found: Run, identity: Mapping[str, Any]) -> tuple[Verdict | None, dict[str, Any]]:
    """What can be said of parts without a parent's manifest: INVALID where something is missing, and always
    for a run that had a parent (`identity` is its run.json). None: locust ran by itself and nothing is
    missing, but nobody judged.
    """
    analysis = summary.analyse(found)
    expected = int(identity.get("processes", len(found.parts)))
    checked = check_parts(found, expected, (), interrupted=False, most_lag=DEFAULT_LAG)
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
