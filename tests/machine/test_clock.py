"""Whether the kernel trusts its clock."""

import shutil
import subprocess
from pathlib import Path

import pytest

from sunsweep.machine.clock import KernelClock, SystemClock

ASK = """
#include <stdio.h>
#include <string.h>
#include <sys/timex.h>
int main(void) {
    struct timex now;
    memset(&now, 0, sizeof now);
    if (adjtimex(&now) < 0) return 1;
    printf("%d", !(now.status & STA_UNSYNC));
    return 0;
}
"""


def test_it_says_what_the_kernel_s_own_header_says(tmp_path: Path) -> None:
    """The layout in `clock.py` is written by hand; a compiler has it from the system."""
    if (compiler := shutil.which("gcc")) is None:
        pytest.skip("no C compiler here")
    (tmp_path / "ask.c").write_text(ASK)
    subprocess.run([compiler, "-o", tmp_path / "ask", tmp_path / "ask.c"], check=True)
    said = subprocess.run([tmp_path / "ask"], capture_output=True, text=True, check=True).stdout
    assert KernelClock().synchronised is bool(int(said))


def test_the_trusted_one_asks_nobody() -> None:
    assert SystemClock().synchronised
