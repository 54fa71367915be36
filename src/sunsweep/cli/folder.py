"""The folder of `sunsweep up`: its database, its secrets, and that only one runs on it."""

import fcntl
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from msgspec import DecodeError, json

from sunsweep.machine.whole_file import SECRET, write_whole
from sunsweep.server.settings import BACKEND_FILE

BACKEND_USER = "sunsweep-backend"
_OURS_ALONE = 0o077

Kept = TypeVar("Kept")


class FolderError(Exception):
    """The folder cannot be used; the message says why and what to do."""


class Folder:
    """Paths and secrets; every file with a secret is the owner's alone (0600)."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.broker = self.path / "broker"
        self.logins = self.path / "logins.json"
        self.machines = self.path / "simulated-machines.json"
        self.cache = self.path / "cache"
        self._backend = self.path / BACKEND_FILE
        self._lock: int | None = None

    def __enter__(self) -> Self:
        """Take the folder, and from now on make no file that others may read; raises `FolderError`."""
        os.umask(_OURS_ALONE)
        lock = self._open_lock()
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            pid = os.read(lock, 32).decode() or "unknown"
            os.close(lock)
            raise FolderError(
                f"sunsweep already runs on {self.path} (pid {pid}); stop it, or choose another folder with --data DIR"
            ) from error
        os.ftruncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        self._lock = lock
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            os.close(self._lock)

    def backend(self, mqtt_url: str) -> dict[str, str]:
        """The backend's own secrets, drawn at the first start; the broker's address as it is now."""
        known = read(self._backend, dict[str, str]) or {
            "mqtt_username": BACKEND_USER,
            "mqtt_password": secrets.token_urlsafe(24),
            "secret_key": secrets.token_urlsafe(48),
        }
        known["mqtt_url"] = mqtt_url
        write_secret(self._backend, known)
        return known

    def _open_lock(self) -> int:
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            return os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise FolderError(
                f"{self.path} cannot be used: {error.strerror}; choose another folder with --data DIR"
            ) from error


def read(path: Path, kind: type[Kept]) -> Kept | None:
    """A file of ours, None where there is none; raises `FolderError` where it is damaged."""
    try:
        return json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except DecodeError as error:
        raise FolderError(f"{path} is damaged ({error}); mend it, or put it aside to have it made anew") from error


def write_secret(path: Path, value: Mapping[str, Any] | list[Any]) -> None:
    """Replace a file, whole or not at all, readable by its owner only."""
    write_whole(path, json.format(json.encode(value), indent=2) + b"\n", mode=SECRET)


def keep_password(data: Path, email: str, password: str) -> None:
    """Of a user whom `sunsweep up` shows at its start; others' passwords are kept nowhere."""
    logins = Folder(data).logins
    known = read(logins, dict[str, str]) or {}
    if email in known:
        write_secret(logins, known | {email: password})
