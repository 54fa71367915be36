"""A folder as it is after `make env`."""

import shutil
from pathlib import Path

import pytest

from deploy.env import values, write_env
from tests.support.compose import ROOT

DOMAIN = "sun.example.org"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What `make env` needs, and nothing else."""
    (tmp_path / "deploy").mkdir()
    for name in (".env.example", "pyproject.toml", "Makefile", "deploy/env.py"):
        shutil.copy2(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def env(folder: Path) -> dict[str, str]:
    """What `.env` says then."""
    write_env(folder, {"DOMAIN": DOMAIN})
    return values((folder / ".env").read_text().splitlines())
