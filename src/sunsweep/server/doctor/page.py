"""`docs/doctor.md`: every check in a table."""

import sys
from collections.abc import Iterator
from typing import Final

from sunsweep.contract.published import Document, command
from sunsweep.server.doctor.checks import CHECKS

_HEAD: Final = """\
# The doctor

```
sunsweep doctor                 # with the settings of the environment or .env
sunsweep doctor --data DIR      # of a folder of `sunsweep up`, also while that runs
docker compose exec api sunsweep doctor --metrics http://ingest:9100/metrics      # of deploy/compose.yaml
```

One line a finding: `ok`, `warning`, `fails` or `unknown`, what is so, and what to do about it; `--json` for programs.
The exit code is 0 where nothing fails, 1 where something does, 2 where it cannot run at all: the settings are wrong.
The checks run side by side, each within its time.

It changes nothing but for `rights`: that check adds three machines in two companies of their own, and takes them away
again, also when it is interrupted. Both stand in the audit log of the platform. Killed, it leaves logins that end after
ten minutes, and the next one takes the rest away. `--without rights` leaves it out.

| check | what it looks at | seconds at most |
|---|---|---|
"""


def documents() -> Iterator[Document]:
    """The table, as Markdown."""
    lines = [f"| `{check.name}` | {check.about} | {check.within_s:g} |\n" for check in CHECKS]
    yield "doctor.md", (_HEAD + "".join(lines)).encode()


if __name__ == "__main__":
    sys.exit(command("python -m sunsweep.server.doctor.page", documents))
