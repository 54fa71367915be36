"""`sunsweep-machine`: the command line on the machine."""

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from random import SystemRandom
from typing import Final

from sunsweep import __version__
from sunsweep.machine.clock import SystemClock
from sunsweep.machine.config import ConfigError, load_config
from sunsweep.machine.embody import hardware_of
from sunsweep.machine.ports import HardwareError, Surroundings
from sunsweep.machine.program import Machine
from sunsweep.machine.signals import until_signalled

NO_HARDWARE: Final = 1
BAD_CONFIG: Final = 2


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
        surroundings = Surroundings(SystemClock(), SystemRandom())
        hardware = hardware_of(config, surroundings)
    except ConfigError as error:
        sys.stderr.write(f"sunsweep-machine: {error}\n")
        return BAD_CONFIG
    except HardwareError as error:
        sys.stderr.write(f"sunsweep-machine: {error}\n")
        return NO_HARDWARE
    asyncio.run(until_signalled(Machine(config, hardware, **surroundings._asdict()).run()))
    return 0


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
