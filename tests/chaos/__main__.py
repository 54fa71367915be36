"""`make chaos`: round after round, each scenario in turn, each with a seed of its own."""

import argparse
import asyncio
import logging
import secrets
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path

from tests.chaos.play import SCENARIOS, play
from tests.support.mariadb import MariaDB, running_mariadb

log = logging.getLogger("chaos")


async def rounds(options: argparse.Namespace, folder: Path, mariadb: MariaDB) -> int:
    until = time.monotonic() + 60 * options.minutes
    done = 0
    for scenario in cycle([scenario for scenario in SCENARIOS if options.only in scenario.name]):
        seed = secrets.randbelow(10**9) if options.seed is None else options.seed
        with tempfile.TemporaryDirectory(dir=folder, prefix="round-") as name:
            await play(scenario, Path(name), mariadb, seed=seed, seconds=options.seconds)
        done += 1
        if time.monotonic() >= until:
            break
    return done


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="start no further round after this")
    parser.add_argument("--seconds", type=float, default=90, help="of chaos a round; from 60 on with long silences")
    parser.add_argument("--seed", type=int, help="repeat this one")
    parser.add_argument("--only", default="", help="scenarios whose name has these words")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    log.setLevel(logging.INFO)
    with tempfile.TemporaryDirectory(prefix="sunsweep-chaos-") as name, running_mariadb(Path(name) / "db") as mariadb:
        done = asyncio.run(rounds(options, Path(name), mariadb))
    print(f"{done} rounds: nothing lost, nothing doubled, everything accounted")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
