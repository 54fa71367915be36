"""Documents that are generated from the code, committed, and checked to be the same."""

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

Document = tuple[str, bytes]
"""Its path under `docs/`, and its bytes."""


def pretty(document: dict[str, Any]) -> bytes:
    """JSON that a person can read and a diff can show."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def write(documents: Iterable[Document], folder: Path) -> None:
    """Write every document under `folder`."""
    for name, content in documents:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def outdated(documents: Iterable[Document], folder: Path) -> list[str]:
    """The documents under `folder` that are missing or differ from the code."""
    return [name for name, content in documents if _read(folder / name) != content]


def command(prog: str, documents: Callable[[], Iterable[Document]]) -> int:
    """Write or check the documents, as the command line says; the exit code."""
    parser = argparse.ArgumentParser(prog=prog, description="Write or check generated documents.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a document differs")
    arguments = parser.parse_args()
    if not arguments.check:
        write(documents(), arguments.folder)
        return 0
    names = outdated(documents(), arguments.folder)
    if names:
        sys.stderr.write(f"differs from the code, run `make docs`: {', '.join(names)}\n")
    return 1 if names else 0


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
