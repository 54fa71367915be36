"""Prometheus's own tool on its two files: they are what it reads, and each alert stands when it should."""

import subprocess

import pytest

from tests.support.compose import ROOT
from tests.support.programs import find_program

pytestmark = pytest.mark.prove


@pytest.mark.parametrize(
    "words",
    [
        ("check", "config", "--syntax-only", "deploy/monitoring/prometheus.yml"),
        ("check", "rules", "deploy/monitoring/rules.yml"),
        ("test", "rules", "tests/deploy/alerts.yml"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_promtool_has_nothing_to_say(words: tuple[str, ...]) -> None:
    done = subprocess.run([find_program("promtool"), *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
