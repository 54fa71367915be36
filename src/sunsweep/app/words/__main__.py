"""`python -m sunsweep.app.words check | update [CODE …] | compile`: the keeper of the catalogues."""

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Final

from sunsweep.app.words import upkeep

_SHOWN: Final = 40


def main(arguments: Sequence[str]) -> int:
    """Exit status 1 where `check` finds something."""
    parser = ArgumentParser("python -m sunsweep.app.words", description="The catalogues of the app's languages.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("check", help="tell what is not, or not rightly, translated")
    updating = verbs.add_parser("update", help="take in what the source says by now")
    updating.add_argument("code", nargs="*", help="a language to begin with, such as fr")
    verbs.add_parser("compile", help="write what the app reads")
    wish = parser.parse_args(arguments)
    if wish.verb == "check":
        return _check()
    if wish.verb == "update":
        source = upkeep.in_source()
        for path in {*upkeep.paths(), *(upkeep.FOLDER / f"{code}.po" for code in wish.code)}:
            upkeep.update(path, source)
    else:
        upkeep.compile_all()
    return 0


def _check() -> int:
    source = upkeep.in_source()
    found = [str(fault) for path in upkeep.paths() for fault in upkeep.faults(path, source)]
    lines = [*found[:_SHOWN], *([f"… and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else [])]
    if found:
        lines.append("run `python -m sunsweep.app.words update` and translate what is empty")
    sys.stderr.writelines(f"{line}\n" for line in lines)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
