"""The file of a backup: a ZIP archive with a manifest, the database, and files of the folder that it stood in.

Any program that reads ZIP opens it, and each part has a checksum.
"""

import os
import shutil
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Final

from msgspec import DecodeError, Struct, json

from sunsweep.server.backup.errors import BackupError
from sunsweep.server.backup.sqlite_copy import Progress

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
DATABASE: Final = "sunsweep.db"
_FOLDER: Final = "folder/"
_CHUNK: Final = 1024 * 1024
_FAST: Final = 1
"""Level of compression: rows shrink to a third, and higher levels take several times as long for little more."""


class Manifest(Struct, frozen=True, kw_only=True):
    """What the backup is of; instants in ms since 1970, sizes in bytes."""

    format: int
    software: str
    schema: str
    taken_at: int
    database_bytes: int


def write(target: Path, manifest: Manifest, database: Path, files: Mapping[str, bytes], told: Progress) -> None:
    """Make the file `target`, its owner's alone, read it back, and have the disk take it; raises `BackupError`."""
    with os.fdopen(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=_FAST) as archive:
            archive.writestr(MANIFEST, json.encode(manifest))
            for name, content in files.items():
                archive.writestr(_FOLDER + name, content)
            with database.open("rb") as source, archive.open(DATABASE, "w", force_zip64=True) as packed:
                _pour(source, packed, manifest.database_bytes, told)
        with zipfile.ZipFile(file) as archive:
            if (bad := archive.testzip()) is not None:
                raise BackupError(f"the disk does not give back what was written to it ({bad} of {target})")
        file.flush()
        os.fsync(file.fileno())


def manifest_of(backup: Path) -> Manifest:
    """Raises `BackupError` for what is no backup, or one that this version cannot read."""
    with _Reading(backup) as archive:
        try:
            manifest = json.decode(archive.read(MANIFEST), type=Manifest)
        except (KeyError, DecodeError) as error:
            raise BackupError(f"{backup} is no backup of sunsweep") from error
    if manifest.format != FORMAT:
        raise BackupError(f"{backup} was made by sunsweep {manifest.software}; this version cannot read it")
    return manifest


def unpack(backup: Path, manifest: Manifest, target: Path, names: tuple[str, ...], told: Progress) -> dict[str, bytes]:
    """Write the database to `target`; the files of these names that are in it. Raises `BackupError` where damaged."""
    with _Reading(backup) as archive:
        with archive.open(DATABASE) as packed, target.open("xb") as file:
            _pour(packed, file, manifest.database_bytes, told)
            file.flush()
            os.fsync(file.fileno())
        known = set(archive.namelist())
        return {name: archive.read(_FOLDER + name) for name in names if _FOLDER + name in known}


class _Reading:
    """An archive that may be damaged anywhere."""

    def __init__(self, backup: Path) -> None:
        self._backup = backup

    def __enter__(self) -> zipfile.ZipFile:
        try:
            self._archive = zipfile.ZipFile(self._backup)
        except (zipfile.BadZipFile, NotImplementedError) as error:
            raise BackupError(f"{self._backup} is damaged, or no backup of sunsweep: {error}") from error
        return self._archive

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._archive.close()
        if isinstance(error, zipfile.BadZipFile | zlib.error | EOFError | KeyError | RuntimeError):
            raise BackupError(f"{self._backup} is damaged: {error}") from error


def _pour(source: IO[bytes], target: IO[bytes], size: int, told: Progress) -> None:
    done = 0
    while chunk := source.read(_CHUNK):
        target.write(chunk)
        done += len(chunk)
        told(done, size)


def require_room(folder: Path, size: int) -> None:
    """Raises `BackupError` where a disk has not so many bytes free."""
    if (free := shutil.disk_usage(folder).free) < size:
        raise BackupError(f"{folder} has {free / 1e6:,.0f} MB free, and {size / 1e6:,.0f} MB are needed")
