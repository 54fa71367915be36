"""Errors that an operator can mend are said in one line, without a traceback."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import typer
from alembic.util import CommandError
from msgspec import DecodeError
from pydantic import ValidationError
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from sunsweep.cli.folder import FolderError
from sunsweep.cli.ports import PortError
from sunsweep.mqtt.local_broker import BrokerError
from sunsweep.server.backup.errors import BackupError
from sunsweep.server.db.fit import SchemaError
from sunsweep.server.errors import SunsweepError
from sunsweep.server.ingest.store import StoreAwayError

log = logging.getLogger(__name__)


def fail(message: object) -> typer.Exit:
    """Say it plainly on stderr; raise what this returns."""
    typer.echo(f"sunsweep: {' '.join(str(message).split())}", err=True)
    return typer.Exit(1)


def printable(text: str) -> str:
    """Strangers' words, such as topics and what machines say, may not speak to the terminal."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


@contextmanager
def plainly() -> Iterator[None]:
    """Turn what can be mended outside into a line and exit code 1; everything else is ours, with its traceback."""
    try:
        yield
    except Exception as error:
        words = _words(_first(error))
        if words is None:
            raise
        log.debug("the whole story", exc_info=error)
        raise fail(words) from error


def fault(error: Exception) -> str:
    """What an operator can mend, in a line; of what is ours the name of its kind."""
    return " ".join(str(_words(_first(error)) or type(error).__name__).split())


def _first(error: Exception) -> Exception:
    """The error itself, also where a group of tasks wraps it."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def _words(error: Exception) -> object | None:
    for kind, say in _SPEAKERS:
        if isinstance(error, kind):
            return say(error)
    return None


def _database(error: DBAPIError) -> str:
    """Drivers put the words last, some behind a number."""
    words = error.orig.args[-1:] if error.orig is not None else ()
    return f"the database cannot be used: {words[0] if words else type(error).__name__}"


def _settings(error: ValidationError) -> str:
    return "; ".join(_setting(one["loc"], one["msg"]) for one in error.errors())


def _setting(place: tuple[int | str, ...], message: str) -> str:
    name = f"SUNSWEEP_{str(place[0]).upper()}" if place else "settings"
    return f"{name}: {message}"


_SPEAKERS: Final[tuple[tuple[type[Exception] | tuple[type[Exception], ...], Callable[[Any], object]], ...]] = (
    (SunsweepError, lambda error: error.detail),
    ((PortError, FolderError, BrokerError, SchemaError, BackupError), str),
    (StoreAwayError, lambda error: f"the database takes nothing: {error}"),
    (ValidationError, _settings),
    (DBAPIError, _database),
    ((ArgumentError, NoSuchModuleError), lambda error: f"SUNSWEEP_DATABASE_URL: {error}"),
    (CommandError, lambda error: f"the database's schema is of another program version: {error}"),
    (DecodeError, lambda error: f"a file is damaged: {error}"),
    (OSError, str),
)
