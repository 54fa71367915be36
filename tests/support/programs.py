"""Programs of Debian that the tests start. A missing one fails the test: nothing is skipped."""

import os
import shutil

import pytest


def find_program(name: str) -> str:
    """The path of a program, also where a plain user's PATH does not look."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if path is None:
        pytest.fail(f"{name} is not installed; `make setup` installs it", pytrace=False)
    return path
