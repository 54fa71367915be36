"""The settings in force: the machine's file, and over it what was set from afar, kept beside the outbox."""

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any, Final

from msgspec import Struct, json

from sunsweep.machine.config import MachineConfig
from sunsweep.machine.damage import UNREADABLE
from sunsweep.machine.settings import changed_by, still_good, values, with_changes
from sunsweep.machine.whole_file import write_whole

FILE: Final = "configured.json"
_log = logging.getLogger(__name__)


class _Kept(Struct, frozen=True):
    """Whose it is: a state folder may have been another machine's."""

    company_id: int
    machine_id: str
    settings: dict[str, float]


class RemoteSettings:
    """`changes` is what differs from the file. Where nothing can be kept, it lasts until the program ends."""

    def __init__(self, file: MachineConfig) -> None:
        self._file = file
        self._path = None if file.state_dir is None else Path(file.state_dir) / FILE
        self.changes = still_good(file, self._recall())
        self._is_kept = True
        self._one_at_a_time = Lock()

    @property
    def in_force(self) -> MachineConfig:
        return with_changes(self._file, self.changes)

    def set(self, params: Mapping[str, Any]) -> None:
        """What is named is in force from here on; raises `BadParameter`."""
        after = changed_by(self._file, self.changes, params)
        self._is_kept = self._is_kept and after == self.changes
        self.changes = after

    async def keep(self) -> dict[str, Any]:
        """Over a restart; what is in force, and whether it is kept."""
        if not self._is_kept:
            self._is_kept = await asyncio.to_thread(self._write)
        return {"in_force": values(self.in_force), "kept": self._is_kept}

    def _recall(self) -> dict[str, float]:
        if self._path is None:
            return {}
        try:
            kept = json.decode(self._path.read_bytes(), type=_Kept)
        except FileNotFoundError:
            return {}
        except (OSError, *UNREADABLE) as error:
            _log.error("%s cannot be read, and the machine's own file is in force: %s", self._path, error)
            return {}
        is_ours = (kept.company_id, kept.machine_id) == (self._file.company_id, self._file.machine_id)
        return kept.settings if is_ours else {}

    def _write(self) -> bool:
        if self._path is None:
            return False
        try:
            # A connection that broke has left its writing to a thread that may still be at it.
            with self._one_at_a_time:
                kept = _Kept(self._file.company_id, self._file.machine_id, self.changes)
                write_whole(self._path, json.encode(kept))
        except OSError as error:
            _log.error("what was set from afar cannot be kept in %s: %s", self._path, error.strerror)
            return False
        return True
