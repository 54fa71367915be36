"""`python -m sunsweep.app.bundle`: build the app's bundle for the browser."""

import argparse
import sys
import time
from pathlib import Path

from sunsweep.app.bundle.build import SITE, build, default_cache
from sunsweep.app.bundle.compress import BEST, QUICK

_MB = 1e6


def main() -> None:
    """Build, and say what has come of it."""
    words = argparse.ArgumentParser(prog="python -m sunsweep.app.bundle", description=__doc__)
    words.add_argument("--out", type=Path, default=SITE, help="folder to build (default: where the server looks)")
    words.add_argument(
        "--cache", type=Path, default=default_cache(), help="what may be used again (default: %(default)s)"
    )
    words.add_argument("--best", action="store_true", help="compress as for a release: a tenth smaller, a minute more")
    chosen = words.parse_args()
    begun = time.monotonic()
    level = BEST if chosen.best else QUICK
    built = build(chosen.out.resolve(), level=level, cache=chosen.cache, begins=_say_it_begins)
    if built is not None:
        took = time.monotonic() - begun
        sizes = f"{built.raw_bytes / _MB:.1f} MB, {built.start_bytes / _MB:.1f} MB on the wire at a first visit"
        sys.stderr.write(f"app: built in {took:.0f} s: {sizes}\n")


def _say_it_begins() -> None:
    sys.stderr.write("app: building it for the browser, up to half a minute\n")


if __name__ == "__main__":
    main()
