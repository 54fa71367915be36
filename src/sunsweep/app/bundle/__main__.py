"""`python -m sunsweep.app.bundle`: build the app's bundle for the browser."""

import argparse
import os
import sys
import time
from pathlib import Path

from sunsweep.app.bundle.build import SITE, build
from sunsweep.app.bundle.compress import BEST, QUICK

_MB = 1e6


def main() -> None:
    """Build, and say what has come of it."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sunsweep/bundle"
    words = argparse.ArgumentParser(prog="python -m sunsweep.app.bundle", description=__doc__)
    words.add_argument("--out", type=Path, default=SITE, help="folder to build (default: where the server looks)")
    words.add_argument("--cache", type=Path, default=home, help="what may be used again (default: %(default)s)")
    words.add_argument("--best", action="store_true", help="compress as for a release: a tenth smaller, a minute more")
    chosen = words.parse_args()
    begun = time.monotonic()
    built = build(chosen.out.resolve(), level=BEST if chosen.best else QUICK, cache=chosen.cache)
    if built.is_new:
        took = time.monotonic() - begun
        sizes = f"{built.raw_bytes / _MB:.1f} MB, {built.start_bytes / _MB:.1f} MB on the wire at a first visit"
        sys.stderr.write(f"app: built in {took:.0f} s: {sizes}\n")


if __name__ == "__main__":
    main()
