"""The Helm chart: its examples, what helm made of them, and the sum that says of which chart."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[2]
CHART: Final = ROOT / "deploy" / "helm" / "sunsweep"
RENDERED: Final = ROOT / "deploy" / "helm" / "rendered"
RELEASE: Final = "sunsweep"
NAMESPACE: Final = "sunsweep"
EXAMPLES: Final = tuple(sorted(file.name.removesuffix("-values.yaml") for file in (CHART / "ci").glob("*-values.yaml")))

Document = dict[str, Any]


def example_values(example: str) -> Path:
    return CHART / "ci" / f"{example}-values.yaml"


def rendered(example: str) -> Path:
    return RENDERED / f"{example}.yaml"


def chart_sum() -> str:
    """Changes with everything that may change what is rendered."""
    found = hashlib.sha256()
    for file in sorted(CHART.rglob("*")):
        if file.is_file() and file.name != "README.md":
            found.update(f"{file.relative_to(CHART)}\0".encode() + file.read_bytes() + b"\0")
    return found.hexdigest()


@cache
def documents(example: str) -> tuple[Document, ...]:
    """What a cluster would be given; for all to read and nobody to change."""
    return tuple(one for one in yaml.load_all(rendered(example).read_text(), yaml.CSafeLoader) if one)


def of_kind(example: str, *kinds: str) -> list[Document]:
    return [one for one in documents(example) if one["kind"] in kinds]


def named(example: str, kind: str, name: str) -> Document:
    (found,) = [one for one in of_kind(example, kind) if one["metadata"]["name"] == name]
    return found
