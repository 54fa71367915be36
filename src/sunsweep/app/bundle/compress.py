"""Beside each file what goes over the wire instead of it: `.br` and `.gz`, where that pays."""

import gzip
import shutil
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final

import brotli

QUICK: Final = 9
BEST: Final = 11
"""Ten times slower, and a tenth smaller: for releases."""
_WINDOW_BITS: Final = 24
_COMPRESSED_ALREADY: Final = {".png", ".woff2"}


def compress(originals: Iterable[Path], *, level: int, cache: Path) -> None:
    """Compress these files; what was compressed once, in any folder, is taken from `cache`."""
    files = [file for file in originals if file.suffix not in _COMPRESSED_ALREADY]
    files.sort(key=lambda file: -file.stat().st_size)
    cache.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor() as pool:
        list(pool.map(partial(_beside, level=level, cache=cache), files))


def wire_sizes(tree: Path) -> Mapping[str, tuple[int, int]]:
    """Bytes of each file on the wire, by brotli and by gzip, which is all that a page without HTTPS is offered."""
    return {file.relative_to(tree).as_posix(): (_size(file, ".br"), _size(file, ".gz")) for file in originals(tree)}


def originals(tree: Path) -> Iterable[Path]:
    """The files of a tree without what lies beside them."""
    return (file for file in sorted(tree.rglob("*")) if file.is_file() and file.suffix not in {".br", ".gz"})


def _size(file: Path, ending: str) -> int:
    compressed = file.with_name(file.name + ending)
    return (compressed if compressed.exists() else file).stat().st_size


def _beside(file: Path, *, level: int, cache: Path) -> None:
    raw = file.read_bytes()
    digest = sha256(raw).hexdigest()
    ways: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
        ".br": (f"{digest}.{level}.br", partial(brotli.compress, quality=level, lgwin=_WINDOW_BITS)),
        ".gz": (f"{digest}.gz", partial(gzip.compress, compresslevel=9, mtime=0)),
    }
    for ending, (name, way) in ways.items():
        known = cache / name
        if not known.exists():
            # Two builds at a time may want the same one: what stands under the name is always whole.
            made = known.with_name(f"{name}.{file.stat().st_ino}.part")
            made.write_bytes(way(raw))
            made.replace(known)
        known.touch()
        if known.stat().st_size < len(raw):
            shutil.copyfile(known, file.with_name(file.name + ending))
