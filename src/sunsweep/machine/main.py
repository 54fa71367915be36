"""`sunsweep-machine`: the command line on the machine."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from random import SystemRandom
from typing import Final

from sunsweep import __version__
from sunsweep.machine.clock import SystemClock
from sunsweep.machine.config import ConfigError, MachineConfig, load_config
from sunsweep.machine.drivers import DRIVERS
from sunsweep.machine.program import Machine

BAD_CONFIG: Final = 2
INTERRUPTED: Final = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; what it returns is the exit code."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(
        level=logging.DEBUG if arguments.verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    try:
        config = load_config(arguments.config)
    except ConfigError as error:
        sys.stderr.write(f"sunsweep-machine: {error}\n")
        return BAD_CONFIG
    asyncio.run(run_until_signalled(config))
    return 0


async def run_until_signalled(config: MachineConfig) -> None:
    """Run the machine; the first SIGINT or SIGTERM ends it in order, a second one at once."""
    clock, random = SystemClock(), SystemRandom()
    machine = Machine(config, DRIVERS[config.driver](clock, random), clock=clock, random=random)
    work = asyncio.create_task(machine.run(), name="machine")
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _end, work)
    await asyncio.wait([work])
    if not work.cancelled():
        work.result()


def _end(work: asyncio.Task[None]) -> None:
    if work.cancelling():
        os._exit(INTERRUPTED)
    work.cancel()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sunsweep-machine", description="The program on a cleaning machine.")
    parser.add_argument("--version", action="version", version=f"sunsweep-machine {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="run")
    run = verbs.add_parser("run", help="connect to the broker and work until Ctrl-C")
    run.add_argument("--config", type=Path, required=True, metavar="FILE", help="the machine's TOML file")
    run.add_argument("--verbose", action="store_true", help="log also what is of no interest on most days")
    return parser


if __name__ == "__main__":
    sys.exit(main())
