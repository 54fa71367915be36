"""`sunsweep-machine enroll`: a one-time code becomes the machine's file."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from sunsweep.machine.config import ConfigError
from sunsweep.machine.config_file import ConfigFile
from sunsweep.machine.server_call import Enrolled, ServerError, address, redeem, site_proxy

FAILED: Final = 1
_HINT_SPENT: Final = "The code is spent: ask for a new one once this is mended."


class Wish(Struct, frozen=True, kw_only=True):
    """What `enroll` is asked for on the command line."""

    server: str
    code: str
    config: Path
    ca: Path | None = None
    force: bool = False
    insecure: bool = False
    driver: str = "simulated"
    state_dir: Path | None = None

    @property
    def state_folder(self) -> Path:
        """Where nothing is said: beside the file, and of its name."""
        return self.state_dir or self.config.with_name(f"{self.config.stem}-state")


def enroll(wish: Wish) -> int:
    """Write the file and say the next step; what it returns is the exit code."""
    try:
        with ConfigFile(wish.config, force=wish.force) as file, _state_folder(wish):
            enrolled = redeem(wish.server, wish.code, ca_file=wish.ca, insecure=wish.insecure)
            return _keep(wish, file, enrolled)
    except ServerError as error:
        return _complain(str(error))
    except OSError as error:
        return _complain(f"{error.filename or wish.config}: {error.strerror or error}")


@contextmanager
def _state_folder(wish: Wish) -> Iterator[None]:
    """It is there before a code is spent; a new one goes again where no file came of it."""
    there = wish.state_folder.exists()
    wish.state_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        yield
    finally:
        if not there and not wish.config.exists():
            wish.state_folder.rmdir()


def _keep(wish: Wish, file: ConfigFile, enrolled: Enrolled) -> int:
    """From here on the code is spent, and every failure says so."""
    try:
        proxy = site_proxy(address(wish.server))
        kept = file.write(enrolled, driver=wish.driver, state_dir=wish.state_folder, http_proxy=proxy)
    except ConfigError as error:
        return _complain(f"the server's answer makes no file that this program can use: {error}. {_HINT_SPENT}")
    except OSError as error:
        return _complain(f"{error.filename or wish.config}: {error.strerror or error}. {_HINT_SPENT}")
    sys.stdout.write(f"This is now machine {enrolled.machine_id} of company {enrolled.company_id}.\n")
    if kept is not None:
        sys.stdout.write(f"The file before is kept as {kept}.\n")
    sys.stdout.write(f"Next: sunsweep-machine check --config {wish.config}\n")
    sys.stdout.write(f"Then: sunsweep-machine run --config {wish.config}\n")
    return os.EX_OK


def _complain(words: str) -> int:
    sys.stderr.write(f"sunsweep-machine: {words}\n")
    return FAILED
