"""The folder of `sunsweep up`: its database, its secrets, and that only one runs on it."""

import fcntl
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from msgspec import json

BACKEND_USER = "sunsweep-backend"


class FolderBusyError(Exception):
    """Another `sunsweep up` runs on this folder."""


class Folder:
    """Paths and secrets; every file with a secret is the owner's alone (0600)."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.broker = self.path / "broker"
        self.logins = self.path / "logins.json"
        self.machines = self.path / "simulated-machines.json"
        self.cache = self.path / "cache"
        self._backend = self.path / "backend.json"
        self._lock: int | None = None

    def __enter__(self) -> Self:
        """Take the folder; raises `FolderBusyError`."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            pid = os.read(lock, 32).decode() or "unknown"
            os.close(lock)
            raise FolderBusyError(
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
        known = self.read(self._backend) or {
            "mqtt_username": BACKEND_USER,
            "mqtt_password": secrets.token_urlsafe(24),
            "secret_key": secrets.token_urlsafe(48),
        }
        known["mqtt_url"] = mqtt_url
        write_secret(self._backend, known)
        return known

    @staticmethod
    def read(path: Path) -> dict[str, str]:
        """A file of ours, empty where there is none."""
        return json.decode(path.read_bytes(), type=dict[str, str]) if path.exists() else {}


def write_secret(path: Path, value: Mapping[str, Any] | list[Any]) -> None:
    """Replace a file, whole or not at all, readable by its owner only."""
    fresh = path.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(json.format(json.encode(value), indent=2) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
