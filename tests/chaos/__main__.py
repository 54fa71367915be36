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

log = logging.getLogger("chaos")


async def rounds(minutes: float, seconds: float, seed: int | None, only: str) -> int:
    until = time.monotonic() + 60 * minutes
    done = 0
    for scenario in cycle([scenario for scenario in SCENARIOS if only in scenario.name]):
        with tempfile.TemporaryDirectory(prefix="sunsweep-chaos-") as name:
            await play(scenario, Path(name), seed=secrets.randbelow(10**9) if seed is None else seed, seconds=seconds)
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
    done = asyncio.run(rounds(options.minutes, options.seconds, options.seed, options.only))
    print(f"{done} rounds: nothing lost, nothing doubled, everything accounted")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
