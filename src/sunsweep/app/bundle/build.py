"""Build the app's bundle in a folder of its own, then put it in place at once."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from sunsweep import __version__
from sunsweep.app.bundle import flutter, pyodide
from sunsweep.app.bundle.compress import compress, originals, wire_sizes
from sunsweep.app.bundle.index import write_index
from sunsweep.app.bundle.pack import pack
from sunsweep.app.bundle.packages import copy_installed, unpack_compiled
from sunsweep.app.bundle.stamp import inputs, stamp

SOURCES: Final = Path(__file__).parent.parent.parent
SITE: Final = Path(__file__).parent / "site"
STAMP: Final = "stamp"
_PAGE: Final = Path(__file__).parent / "page"
_LIBRARIES: Final = "/sunsweep/libraries"
_PROGRAM: Final = "/sunsweep/program"
_KEPT_S: Final = 30 * 86_400
_FOR_PEOPLE: Final = {".md", ".po"}
_AT_START: Final = (
    "main.dart.js",
    "canvaskit/chromium/canvaskit.wasm",
    "assets/fonts/MaterialIcons-Regular.otf",
    "pyodide/pyodide.asm.mjs",
    "pyodide/pyodide.asm.wasm",
    "pyodide/python_stdlib.zip",
    "libraries.pack",
    "program.pack",
)
"""The large files that every start needs: their bytes are its progress."""


@dataclass(frozen=True)
class Built:
    """What a build has come to."""

    raw_bytes: int
    start_bytes: int
    """On the wire at a first visit, by brotli."""


def default_cache() -> Path:
    """What every checkout of a user shares: downloads, and what was compressed once."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sunsweep/bundle"


def build(out: Path, *, level: int, cache: Path, begins: Callable[[], None] = lambda: None) -> Built | None:
    """Build into `out`, compressed by brotli's `level`; None where that stands there already. `begins` is told if not.

    Raises `PackageNotFoundError`, `CalledProcessError`, `SyntaxError`, `ValueError` where a part is missing or is not
    what it was.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(out.parent / ".building.lock"):
        wanted = stamp(SOURCES, level=level)
        if _stamp_of(out) == wanted:
            return None
        begins()
        with tempfile.TemporaryDirectory(prefix=".building-", dir=out.parent) as folder:
            site = Path(folder) / "site"
            built = _assemble(Path(folder), site, level=level, cache=cache)
            (site / STAMP).write_text(wanted, encoding="utf-8")
            _put(site, out, Path(folder) / "old")
        _forget(cache)
    return built


def _forget(cache: Path) -> None:
    """What no build has made or taken for a month."""
    oldest = time.time() - _KEPT_S
    for file in cache.rglob("*"):
        if file.is_file() and file.stat().st_mtime < oldest:
            file.unlink()


@contextmanager
def _one_at_a_time(lock: Path) -> Iterator[None]:
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _stamp_of(out: Path) -> str | None:
    try:
        return (out / STAMP).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _put(site: Path, out: Path, old: Path) -> None:
    """A server that answers from it sees the old one or the new one."""
    if out.exists():
        out.rename(old)
    site.rename(out)


def _assemble(folder: Path, site: Path, *, level: int, cache: Path) -> Built:
    runtime, app = folder / "runtime", folder / "app"
    stdlib, libraries, program = folder / "stdlib", folder / "libraries", folder / "program"
    pyodide.copy_pyodide(runtime / "pyodide")
    pyodide.unpack_stdlib(stdlib)
    flutter.copy_flutter(runtime, SOURCES / "app/fonts")
    copy_installed(libraries)
    unpack_compiled(cache, libraries)
    _copy_program(program)
    shown = {stdlib: pyodide.SHOWN_STDLIB, libraries: _LIBRARIES, program: _PROGRAM}
    pyodide.compile_trees(shown, cache=cache / "compiled")
    pyodide.pack_stdlib(stdlib, runtime / "pyodide")
    (runtime / "libraries.pack").write_bytes(pack(libraries))
    shutil.copytree(_PAGE, app, ignore=shutil.ignore_patterns("index.html"))
    (app / "program.pack").write_bytes(pack(program))
    site.mkdir()
    names = [_name(tree) for tree in (runtime, app)]
    for tree, name in zip((runtime, app), names, strict=True):
        compress(originals(tree), level=level, cache=cache / "compressed")
        tree.rename(site / name)
    sizes = {name: size for tree in names for name, size in wire_sizes(site / tree).items() if name in _AT_START}
    write_index(site, runtime=names[0], app=names[1], config=_config(sizes))
    compress([site / "index.html"], level=level, cache=cache / "compressed")
    raw = sum(file.stat().st_size for file in originals(site))
    return Built(raw, sum(size for size, _ in sizes.values()))


def _copy_program(into: Path) -> None:
    left_out = [SOURCES / "app" / folder for folder in ("bundle", "fonts")]
    for file in inputs(SOURCES):
        if file.suffix not in _FOR_PEOPLE and not any(file.is_relative_to(folder) for folder in left_out):
            place = into / "sunsweep" / file.relative_to(SOURCES)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)


def _name(tree: Path) -> str:
    """A folder's address, different as soon as anything in it is: so it may be kept for ever."""
    digest = sha256()
    for file in sorted(tree.rglob("*")):
        if file.is_file():
            digest.update(f"{file.relative_to(tree).as_posix()} {sha256(file.read_bytes()).hexdigest()}\n".encode())
    return f"v-{digest.hexdigest()[:16]}"


def _config(sizes: dict[str, tuple[int, int]]) -> dict[str, Any]:
    return {
        "version": __version__,
        "buildConfig": flutter.build_config(),
        "lock": pyodide.lock_info(),
        "libraries": _LIBRARIES,
        "program": _PROGRAM,
        "sizes": sizes,
    }
