"""`python -m sunsweep.sim`: a field of machines against any broker."""

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from sunsweep.machine.endpoint import BadUrl, parse_endpoint
from sunsweep.machine.signals import until_signalled
from sunsweep.sim.almanac import NoSky
from sunsweep.sim.parent import die_with
from sunsweep.sim.simulator import MachineLogin, simulate

BAD_INPUT: Final = 2


def main(argv: Sequence[str] | None = None, *, prog: str = "python -m sunsweep.sim") -> int:
    """Entry point; what it returns is the exit code."""
    arguments = _parser(prog).parse_args(argv)
    logging.basicConfig(level=arguments.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if arguments.parent is not None:
        die_with(arguments.parent)
    try:
        parse_endpoint(arguments.broker)
        logins = msgspec.json.decode(arguments.credentials.read_bytes(), type=list[MachineLogin])
    except (OSError, msgspec.DecodeError, BadUrl) as error:
        return _complain(error)
    work = simulate(
        logins,
        broker_url=arguments.broker,
        speed=arguments.speed,
        telemetry_interval_s=arguments.interval,
        start_s=arguments.start_hour * 3600,
        seed=arguments.seed,
        cache=arguments.cache,
    )
    try:
        asyncio.run(until_signalled(work))
    except NoSky as error:
        return _complain(error)
    return 0


def _complain(error: Exception) -> int:
    sys.stderr.write(f"sunsweep.sim: {error}\n")
    return BAD_INPUT


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=prog, description="A solar field that is not there.")
    parser.add_argument("--credentials", type=Path, required=True, metavar="FILE", help="JSON list of machines' logins")
    parser.add_argument("--broker", default="mqtt://127.0.0.1:1883", metavar="URL", help="where to connect to")
    parser.add_argument("--speed", type=float, default=1.0, help="how much faster sun and physics run")
    parser.add_argument("--interval", type=float, default=30.0, metavar="S", help="seconds between samples")
    parser.add_argument("--start-hour", type=float, default=9.0, metavar="H", help="solar time at the beginning")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="draws the same field again")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keeps the table of the sky for the next start")
    parser.add_argument(
        "--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"], help="log from here on"
    )
    parser.add_argument("--parent", type=int, metavar="PID", help="end when this process, our starter, ends (Linux)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
