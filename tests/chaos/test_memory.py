"""Two minutes of `bench/memory.py`: the backend stays below its bound."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.support.command import clean_environment

BENCH = Path(__file__).parents[2] / "bench" / "memory.py"


@pytest.mark.prove
@pytest.mark.timeout(300)
async def test_memory_stays_bounded_with_a_slow_database_and_a_stalled_viewer() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(BENCH), "--minutes", "2", env=clean_environment(), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
