"""The chart by Helm itself: linted, rendered as it is committed, and refused where it is to be."""

import platform
import subprocess
import sys

import pytest

from tests.deploy.chart import ROOT


@pytest.mark.skipif(platform.machine() != "x86_64", reason="helm-python-sdk has no wheel for it")
def test_helm_makes_of_the_chart_what_is_committed() -> None:
    # In a process of its own: Go's runtime stays where it once was, with its threads and signals.
    command = [sys.executable, "-m", "tests.deploy.render_chart", "--check"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
