"""The whole of it, small: it comes to its end and finds nothing missing."""

import asyncio
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SMALL = ("--machines", "30", "--minutes", "0.2", "--interval", "2", "--heartbeat", "3")


@pytest.mark.prove
@pytest.mark.timeout(400)
@pytest.mark.parametrize("database", ["sqlite", "mariadb"])
async def test_a_small_fleet_is_accounted_for(database: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(ROOT / "bench" / "fleet.py"), *SMALL, "--database", database,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=ROOT,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    assert "nothing is missing" in output.decode()
