"""The long run of the history checker: every acknowledged turn once and in order, on both databases.

usage: python -m bench.history_check [--acknowledged 2000] [--seed 1] [--only sqlite|mongodb] [--seconds 900]

Twenty clients append over HTTP while the suite is killed, frozen and its disk full; then the same over a real
server of the MongoDB protocol (docdb or mongod in PATH, or CHATBOT_TEST_DOCDB) that is killed and frozen,
alone and together with the suite. Ends with 1 when a turn is lost, doubled, out of order or nobody's, or when
the time is over before so many turns are acknowledged.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from bench.suite import machine
from tests.faults.disturbances import of_database, of_suite
from tests.faults.history_checker import CANARY, Checked, check, describe, null_suite
from tests.history.servers import MongoServer
from tests.support.ports import held_ports


async def on_sqlite(folder: Path, options: argparse.Namespace) -> Checked:
    """Check with the file that the suite keeps by default."""
    with null_suite(folder) as suite:
        await suite.start()
        return await check(
            suite,
            of_suite(suite),
            acknowledged=options.acknowledged,
            seed=options.seed,
            seconds=options.seconds,
        )


async def on_mongodb(folder: Path, options: argparse.Namespace) -> Checked:
    """Check with a server of the MongoDB protocol."""
    with held_ports(1) as (port,):
        server = MongoServer(folder / "database", port)
        server.start()
        try:
            with null_suite(folder, server.uri) as suite:
                await suite.start()
                return await check(
                    suite,
                    of_suite(suite)[:2] + of_database(suite, server),
                    acknowledged=options.acknowledged,
                    seed=options.seed,
                    seconds=options.seconds,
                )
        finally:
            server.kill()


def main(options: argparse.Namespace) -> int:
    """Run, print a line for each database, and return the exit code."""
    holds = True
    for name, run in (("sqlite", on_sqlite), ("mongodb", on_mongodb)):
        if options.only in (None, name):
            with tempfile.TemporaryDirectory() as folder:
                checked = asyncio.run(run(Path(folder), options))
            right = checked.verdict.holds and CANARY not in checked.log
            enough = checked.verdict.acknowledged >= options.acknowledged
            holds = holds and right and enough
            said = "BROKEN" if not right else "holds" if enough else f"TOO FEW in {options.seconds:.0f} s"
            print(f"{name}: {said}: {describe(checked)}", flush=True)
    print(machine())
    return 0 if holds else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--acknowledged", type=int, default=2000, help="turns on each database")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=["sqlite", "mongodb"])
    parser.add_argument("--seconds", type=float, default=900.0, help="longest run on each database")
    sys.exit(main(parser.parse_args()))
