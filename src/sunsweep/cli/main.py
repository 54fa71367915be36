"""The door of `sunsweep`. It is light, so that Ctrl-C is quiet also while the rest is still being imported."""

import gc

from sunsweep.cli.interrupt import end_quietly


def main() -> None:
    """Entry point."""
    end_quietly()
    from sunsweep.cli.verbs import cli  # noqa: PLC0415  a second or two

    # All of it lives until the end, where looking at it once more would take longer than what most verbs do.
    gc.freeze()
    cli()
