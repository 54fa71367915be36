#!/usr/bin/env python3
"""What a day of the machine's outbox writes to its card, and how long a write holds the program up.

Every sample is receipted before the next one, as on a good day, or none is, as without a network. Counted are the
bytes that the kernel hands to the device for this process (`/proc/self/io`), the transactions, and the files' sizes.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from sunsweep.contract.payloads import Receipt, Telemetry
from sunsweep.machine.disk import Changes, Disk
from sunsweep.machine.outbox import Limits, Outbox
from sunsweep.machine.shelf import Shelf

PER_DAY = 24 * 120
SAMPLE = Telemetry(13.5, 21.2, 4.5, 80.0, {"temp": 32.5, "vibration": 0.01})
NOW_MS = 1_790_000_000_000


class CountingDisk(Disk):
    saves = 0

    def save(self, changes: Changes) -> None:
        self.saves += 1
        super().save(changes)


def written_bytes() -> int:
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def a_day(folder: Path, *, receipted: bool) -> None:
    disk = CountingDisk(folder / "outbox.db")
    outbox = Outbox(7, shelf=Shelf(disk), limits=Limits())
    before, took_ms = written_bytes(), []
    for seq in range(1, PER_DAY + 1):
        started_s = time.perf_counter()
        outbox.put(SAMPLE, NOW_MS + seq * 30_000)
        took_ms.append((time.perf_counter() - started_s) * 1000)
        if receipted:
            outbox.settle(Receipt(NOW_MS, 7, ((seq, seq),)))
    written_mb = (written_bytes() - before) / 1e6
    outbox.close()
    took_ms.sort()
    print(
        f"{'receipted' if receipted else 'no network':<12} {disk.saves:>6} transactions  {written_mb:6.1f} MB written  "
        f"put: median {statistics.median(took_ms):.2f} ms, p99 {took_ms[int(0.99 * PER_DAY)]:.2f} ms, "
        f"longest {took_ms[-1]:.1f} ms  file {(folder / 'outbox.db').stat().st_size / 1e6:.1f} MB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dir", type=Path, help="a folder on the card to measure; else a temporary one")
    folder: Path | None = parser.parse_args().dir
    for receipted in (True, False):
        with tempfile.TemporaryDirectory(dir=folder) as place:
            a_day(Path(place), receipted=receipted)


if __name__ == "__main__":
    main()
