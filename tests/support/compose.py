"""deploy/compose.yaml as Compose reads it: variables put in as its specification says, nothing else resolved."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[2]
FILE: Final = ROOT / "deploy" / "compose.yaml"
_START: Final = re.compile(r"\$(?:(?P<twice>\$)|(?P<plain>[A-Za-z_]\w*)|(?P<brace>\{))")
_BRACED: Final = re.compile(r"(?P<name>[A-Za-z_]\w*)(?:(?P<kind>:?[-?+])(?P<rest>.*))?", re.DOTALL)


class MissingError(Exception):
    """A variable that has to be told is not; the message is the file's own."""


class Variables:
    """What is told, and which names were asked for."""

    def __init__(self, told: Mapping[str, str]) -> None:
        self._told = told
        self.asked: set[str] = set()

    def put_into(self, tree: Any) -> Any:
        """The tree with each `$NAME`, `${NAME}` and `${NAME:-…}` in it replaced; raises `MissingError`."""
        match tree:
            case dict():
                return {key: self.put_into(value) for key, value in tree.items()}
            case list():
                return [self.put_into(value) for value in tree]
            case str():
                return self._text(tree)
        return tree

    def _text(self, text: str) -> str:
        done, at = "", 0
        while found := _START.search(text, at):
            done += text[at : found.start()]
            at = found.end()
            if found["twice"]:
                done += "$"
            elif found["plain"]:
                done += self._value(found["plain"]) or ""
            else:
                end = _closing(text, at)
                done += self._braced(text[at:end])
                at = end + 1
        return done + text[at:]

    def _braced(self, inner: str) -> str:
        parts = _BRACED.fullmatch(inner)
        assert parts is not None, f"no variable: ${{{inner}}}"
        value, kind, rest = self._value(parts["name"]), parts["kind"] or "", parts["rest"] or ""
        is_there = bool(value) if kind.startswith(":") else value is not None
        match kind[-1:]:
            case "-":
                return value or "" if is_there else self._text(rest)
            case "+":
                return self._text(rest) if is_there else ""
            case "?" if not is_there:
                raise MissingError(f"{parts['name']}: {rest}")
        return value or ""

    def _value(self, name: str) -> str | None:
        self.asked.add(name)
        return self._told.get(name)


def _closing(text: str, at: int) -> int:
    depth = 1
    for place in range(at, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return place
    raise AssertionError(f"not closed: {text}")


def written() -> Any:
    """The file, its anchors resolved."""
    return yaml.safe_load(FILE.read_text())


def composed(told: Mapping[str, str]) -> Any:
    """The file with these variables."""
    return Variables(told).put_into(written())
