"""Whether the kernel trusts its clock."""

import shutil
import subprocess

import pytest

from sunsweep.machine.clock import KernelClock, SystemClock


def test_it_says_what_the_system_s_own_tool_says() -> None:
    if (timedatectl := shutil.which("adjtimex")) is None:
        pytest.skip("no adjtimex to compare with")
    said = subprocess.run([timedatectl, "--print"], capture_output=True, text=True, check=True).stdout
    [status] = [int(line.split(":")[1]) for line in said.splitlines() if "status" in line]
    assert KernelClock().synchronised is not bool(status & 0x40)


def test_it_reads_without_setting_and_the_answer_stands_still() -> None:
    assert len({KernelClock().synchronised for _ in range(100)}) == 1


def test_the_trusted_one_asks_nobody() -> None:
    assert SystemClock().synchronised
