"""Writes the machine's file: whole or not at all, and for nobody else's eyes."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Self

from sunsweep.machine.config import ConfigError, load_config
from sunsweep.machine.server_call import Enrolled
from sunsweep.machine.whole_file import SECRET, sync_folder, write_whole

_ROOM: Final = 16_384
"""Bytes set aside before a code is spent: a full disk is found out in time."""


class ConfigFile:
    """Used as a context: entering finds out whether the file can be written, `write` puts it in place.

    Raises `OSError` where it cannot, or where there is one already and `force` is not given.
    """

    def __init__(self, path: Path, *, force: bool) -> None:
        self._path = path.absolute()
        self._force = force
        self._draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        self._descriptor = -1

    def __enter__(self) -> Self:
        if self._path.exists() and not self._force:
            words = "is there already, and was not touched; --force replaces it (and keeps it as .old)"
            raise FileExistsError(0, words, str(self._path))
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        self._descriptor = os.open(self._draft, flags, 0o600)
        try:
            os.fchmod(self._descriptor, 0o600)
            os.posix_fallocate(self._descriptor, 0, _ROOM)
        except OSError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
        self._draft.unlink(missing_ok=True)

    def write(self, enrolled: Enrolled, *, driver: str, state_dir: Path, http_proxy: str | None = None) -> Path | None:
        """Put it in place; where the file before is kept. Raises `ConfigError`, `OSError`."""
        ca_file = None if enrolled.ca is None else self._path.with_name(f"{self._path.stem}-ca.pem")
        if ca_file is not None and enrolled.ca is not None:
            write_whole(ca_file, enrolled.ca.encode(), mode=SECRET)
        lines = _lines(enrolled, ca_file=ca_file, driver=driver, state_dir=state_dir, http_proxy=http_proxy)
        _fill(self._descriptor, "".join(lines).encode())
        try:
            load_config(self._draft)
        except ConfigError as error:
            raise ConfigError(str(error).replace(self._draft.name, self._path.name)) from error
        kept = self._keep_old()
        self._draft.replace(self._path)
        sync_folder(self._path.parent)
        return kept

    def _keep_old(self) -> Path | None:
        if not self._path.exists():
            return None
        old = self._path.with_name(f"{self._path.name}.old")
        self._path.replace(old)
        return old


def _lines(
    enrolled: Enrolled, *, ca_file: Path | None, driver: str, state_dir: Path, http_proxy: str | None
) -> Iterator[str]:
    yield "# Written by `sunsweep-machine enroll`. It holds a password: keep it to yourself.\n"
    yield f"broker = {_toml(enrolled.brokers)}\n"
    for name in ("company_id", "machine_id", "mqtt_username", "mqtt_password"):
        yield f"{name} = {_toml(getattr(enrolled, name))}\n"
    if ca_file is not None:
        yield f"ca_file = {_toml(str(ca_file))}\n"
    if http_proxy is not None:
        yield f"http_proxy = {_toml(http_proxy)}\n"
    yield f"state_dir = {_toml(str(state_dir.absolute()))}\n"
    yield f"driver = {_toml(driver)}\n"


def _toml(value: Any) -> str:
    """Strings, numbers and lists of them are written in TOML as in JSON, but for one control character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _fill(descriptor: int, content: bytes) -> None:
    """Over what was set aside, and onto the disk."""
    written = 0
    while written < len(content):
        written += os.pwrite(descriptor, content[written:], written)
    os.ftruncate(descriptor, len(content))
    os.fsync(descriptor)
