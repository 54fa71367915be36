"""`sunsweep-machine`: the command line on the machine."""

import argparse
import logging
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from random import SystemRandom
from typing import Final

from sunsweep import __version__
from sunsweep.machine.check import check
from sunsweep.machine.clock import KernelClock, SystemClock
from sunsweep.machine.config import ConfigError, MachineConfig, load_config
from sunsweep.machine.embody import hardware_of
from sunsweep.machine.enroll import Wish, enroll
from sunsweep.machine.ports import Clock, Hardware, HardwareError, Surroundings
from sunsweep.machine.run import RunWish, run

NO_HARDWARE: Final = 1
BAD_CONFIG: Final = 2
DEFAULT_CONFIG: Final = Path("machine.toml")


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; what it returns is the exit code."""
    arguments = _parser().parse_args(argv)
    verbs = {"run": _run, "enroll": _enroll, "check": _check}
    return verbs[arguments.verb](arguments)


def _run(arguments: argparse.Namespace) -> int:
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
    clock, random = SystemClock() if config.trust_clock else KernelClock(), SystemRandom()
    wish = RunWish(**{name: getattr(arguments, name) for name in RunWish.__struct_fields__})
    try:
        return run(wish, config, partial(_hardware, config, clock), clock=clock, random=random)
    except ConfigError as error:
        sys.stderr.write(f"sunsweep-machine: {error}\n")
        return BAD_CONFIG
    except HardwareError as error:
        sys.stderr.write(f"sunsweep-machine: {error}\n")
        return NO_HARDWARE


def _enroll(arguments: argparse.Namespace) -> int:
    return enroll(Wish(**{name: getattr(arguments, name) for name in Wish.__struct_fields__}))


def _check(arguments: argparse.Namespace) -> int:
    clock = KernelClock()
    return check(arguments.config, lambda config: _hardware(config, clock), clock, server=arguments.server)


def _hardware(config: MachineConfig, clock: Clock) -> Hardware:
    return hardware_of(config, Surroundings(clock, SystemRandom()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sunsweep-machine", description="The program on a cleaning machine.")
    parser.add_argument("--version", action="version", version=f"sunsweep-machine {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="enroll | check | run")
    _add_enroll(verbs.add_parser("enroll", help="exchange a one-time code for this machine's file"))
    looking = verbs.add_parser("check", help="say in plain words what works and what does not")
    looking.add_argument("--config", type=Path, required=True, metavar="FILE", help="the machine's TOML file")
    looking.add_argument("--server", metavar="URL", help="compare the clock with this server's")
    _add_run(verbs.add_parser("run", help="connect to the broker and work until Ctrl-C"))
    return parser


def _add_enroll(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--server", required=True, metavar="URL", help="the backend, https://sunsweep.example")
    add("--code", required=True, metavar="CODE", help="from the machine's page, or `sunsweep machine code`")
    add("--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help=f"to be written ({DEFAULT_CONFIG})")
    add("--ca", type=Path, metavar="FILE", help="the CA of a server with a certificate of your own")
    add("--force", action="store_true", help="replace the file; the one before is kept as FILE.old")
    add("--insecure", action="store_true", help="allow http:// beyond the local network")
    add("--driver", default="simulated", metavar="NAME", help="the hardware (simulated)")
    add("--state-dir", type=Path, metavar="DIR", help="keeps what is not yet sent (FILE-state, beside it)")


def _add_run(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--config", type=Path, required=True, metavar="FILE", help="the machine's TOML file")
    add("--verbose", action="store_true", help="log also what is of no interest on most days")
    add("--once", action="store_true", help="send one sample, wait for its receipt, leave; the exit code says")
    add("--wait-s", type=_positive, default=60.0, metavar="S", help="how long --once waits (60)")
    add("--dry-run", action="store_true", help="no network: print what would be sent")
    add("--record", type=Path, metavar="FILE", help="write every reading down, as JSON lines")
    add("--replay", type=Path, metavar="FILE", help="take the readings from there, then leave")
    add("--speed", type=_positive, default=1.0, metavar="N", help="how fast --replay goes (1)")


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError(text)
    return value


if __name__ == "__main__":
    sys.exit(main())
