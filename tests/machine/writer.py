"""A program that only writes and settles, to be killed: says what it has written after `put` has returned."""

import sys
from pathlib import Path
from random import SystemRandom

from sunsweep.contract.limits import MAX_BOOT
from sunsweep.contract.payloads import Receipt, Telemetry
from sunsweep.machine.outbox import Limits
from tests.machine.disks import start


def main() -> None:
    outbox = start(Path(sys.argv[1]), limits=Limits(messages=5_000), boot=SystemRandom().randint(1, MAX_BOOT))
    while True:
        entry = outbox.put(Telemetry(13.1), 1_790_000_000_000)
        sys.stdout.write(f"put {entry.boot} {entry.seq}\n")
        sys.stdout.flush()
        if entry.seq % 3 == 0:
            outbox.settle(Receipt(1, entry.boot, ((entry.seq - 1, entry.seq - 1),)))
            sys.stdout.write(f"settled {entry.boot} {entry.seq - 1}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
