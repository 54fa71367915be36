"""Where a server finds the built app."""

import importlib
from importlib.resources import files
from pathlib import Path

import pytest

from sunsweep.server import app_site


def test_without_one_of_its_own_it_takes_what_the_wheel_has_brought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sunsweep_site/site").mkdir(parents=True)
    (tmp_path / "sunsweep_site/__init__.py").touch()
    (tmp_path / "program").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    program = tmp_path / "program"
    monkeypatch.setattr(app_site, "files", lambda name: program if name == "sunsweep.app" else files(name))
    assert app_site.built_site() == tmp_path / "sunsweep_site/site"
    (tmp_path / "program/bundle/site").mkdir(parents=True)
    assert app_site.built_site() == tmp_path / "program/bundle/site"
