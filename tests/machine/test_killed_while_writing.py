"""SIGKILL at random moments, fifty times on one file."""

import subprocess
import sys
from pathlib import Path
from random import Random

from sunsweep.contract.payloads import Status
from tests.machine.disks import numbers, start
from tests.machine.test_outbox_on_disk import accounts

ROUNDS = 50
Number = tuple[int, int]


def kill_a_writer(folder: Path, *, after_lines: int) -> tuple[set[Number], set[Number]]:
    """What it said it had written, and settled; the last line may be half a line."""
    command = (sys.executable, "-m", "tests.machine.writer", str(folder))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(after_lines)]
        process.kill()
        lines += process.stdout.read().splitlines(keepends=True)
    said = [line.split() for line in lines if line.endswith("\n")]
    put = {(int(boot), int(seq)) for word, boot, seq in said if word == "put"}
    return put, {(int(boot), int(seq)) for word, boot, seq in said if word == "settled"}


def test_nothing_written_is_lost_and_no_number_comes_twice(tmp_path: Path) -> None:
    random = Random(5)
    written: set[Number] = set()
    settled: set[Number] = set()
    for _ in range(ROUNDS):
        put, done = kill_a_writer(tmp_path, after_lines=random.randint(1, 40))
        assert put
        assert not put & written
        written |= put
        settled |= done
    outbox = start(tmp_path)
    held = numbers(outbox)
    assert len(held) == len(set(held))
    assert written - settled <= set(held)
    # A number beyond what was said was drawn just before the end; at most one in each boot.
    unsaid = set(held) - written
    assert len(unsaid) == len({boot for boot, _ in unsaid})
    # What was settled just before the end may be held still, under its own number: the backend knows it.
    assert len(settled & set(held)) <= ROUNDS
    outbox.tell(Status("Idle"), 1_790_000_000_000)
    [account] = accounts(outbox)
    last = {boot: max(seq for its, seq in written | unsaid if its == boot) for boot, _ in written}
    assert dict(account.ended) == last
    assert len(account.ended) == ROUNDS
    outbox.close()
