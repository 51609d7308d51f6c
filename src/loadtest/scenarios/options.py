"""The load test's own flags for `locust -f`, beside locust's: also shown in its web interface."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from locust import events
from locust.env import Environment

from loadtest.client import CLIENT_SECONDS
from loadtest.plan import DEFAULT_STEPS, SHAPES, ShapeName, Stage, stages


@dataclass(frozen=True, slots=True)
class Options:
    """The flags of this run, typed. `parent_pid` 0: nobody supervises. `share` of `shares`: this process is
    one of several that begin together at `begin_at` (seconds since 1970).
    """

    shape: ShapeName
    stage_seconds: float | None
    users: int
    spawn_rate: float
    rate: float
    steps: tuple[int, ...]
    factor: int
    stream_share: float
    search_share: float
    turns: int
    client_timeout: float
    seed: int
    api_key: str
    run_dir: Path | None
    results: Path
    parent_pid: int
    share: int
    shares: int

    def mine(self, level: float) -> int:
        """This process's part of so many users, when several processes share the load."""
        return (int(level) + self.shares - 1 - self.share) // self.shares

    def stages(self) -> list[Stage]:
        """The planned load. Raises ValueError."""
        return stages(
            self.shape,
            seconds=self.stage_seconds,
            users=self.users,
            rate=self.rate,
            steps=self.steps,
            factor=self.factor,
        )


def of(environment: Environment) -> Options:
    """The options out of locust's parsed ones, as they are now (the web interface changes them)."""
    parsed = environment.parsed_options
    if parsed is None:
        raise RuntimeError("locust has parsed no options")
    share, _, shares = str(parsed.share).partition("/")
    return Options(
        shape=parsed.shape,
        stage_seconds=parsed.stage_seconds or parsed.run_time or None,
        users=parsed.num_users or 1,
        spawn_rate=parsed.spawn_rate or 1.0,
        rate=float(parsed.arrival_rate),
        steps=tuple(int(step) for step in str(parsed.steps).split(",")),
        factor=int(parsed.factor),
        stream_share=float(parsed.stream_share),
        search_share=float(parsed.search_share),
        turns=int(parsed.turns),
        client_timeout=float(parsed.client_timeout),
        seed=int(parsed.seed),
        api_key=parsed.api_key or "",
        run_dir=Path(parsed.run_dir) if parsed.run_dir else None,
        results=Path(parsed.results),
        parent_pid=int(parsed.parent_pid),
        share=int(share),
        shares=int(shares),
    )


def _add(parser: Any, **_: object) -> None:
    parser.add_argument("--shape", choices=SHAPES, default="fixed", help="how the load goes over time")
    parser.add_argument(
        "--steps", default=",".join(map(str, DEFAULT_STEPS)), help="users of each step (shape steps)"
    )
    parser.add_argument("--arrival-rate", type=float, default=1.0, help="questions a second (shape arrivals)")
    parser.add_argument(
        "--factor", type=int, default=10, help="overload as a multiple of the users (overload)"
    )
    parser.add_argument(
        "--stream-share", type=float, default=0.5, help="share of questions that are streamed"
    )
    parser.add_argument(
        "--search-share", type=float, default=0.0, help="share of office questions with search"
    )
    parser.add_argument("--turns", type=int, default=4, help="turns of a room before the next one is begun")
    parser.add_argument("--client-timeout", type=float, default=CLIENT_SECONDS, help="seconds a client waits")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same questions")
    parser.add_argument("--results", default="results", help="folder that gets a folder for each run")
    hidden: dict[str, Any] = {"include_in_web_ui": False}
    parser.add_argument("--run-dir", default="", help="folder of this very run (all processes)", **hidden)
    parser.add_argument("--stage-seconds", type=float, default=0, help="run time with fractions", **hidden)
    parser.add_argument("--parent-pid", type=int, default=0, help="stop when this parent is gone", **hidden)
    parser.add_argument("--share", default="0/1", help="which of how many processes this is", **hidden)
    parser.add_argument("--api-key", default="", env_var="LOADTEST_API_KEY", help="bearer token", **hidden)


events.init_command_line_parser.add_listener(_add)  # type: ignore[no-untyped-call]
