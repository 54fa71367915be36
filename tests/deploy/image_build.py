"""The steps of `deploy/Dockerfile` outside of any engine: its COPY and RUN lines, in a folder instead of an image.

What an image has at its root lies in `folder` here. What this cannot show is the image of Python that they stand on.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.deploy.dockerfile import ROOT, Stage, context, stages
from tests.support.command import clean_environment

PROGRAM: Final = "opt/sunsweep"
STEP_WITHIN_S: Final = 200


@dataclass(frozen=True)
class ImageBuild:
    """`program(target)` is where `/opt/sunsweep` of that image is."""

    folder: Path

    def run(self, *names: str) -> None:
        """Run these stages' steps, in order; fails with what a step said."""
        for name in names:
            self._run_stage(stages()[name])

    def program(self, target: str) -> Path:
        return self.folder / f"{target}-program" / PROGRAM

    def _run_stage(self, stage: Stage) -> None:
        for instruction in stage.instructions:
            if instruction.name == "COPY" and "from" not in instruction.flags:
                *sources, into = instruction.words.split()
                self._copy(sources, into)
            elif instruction.name == "RUN":
                self._step(stage, instruction.words)

    def _copy(self, sources: list[str], into: str) -> None:
        """Into /src, where all of these stages work."""
        for file in context():
            if any(file.is_relative_to(source) for source in sources):
                place = self.folder / "src" / file
                assert into == "./" or file.is_relative_to(into), f"COPY … {into} moves {file}"
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / file, place)

    def _step(self, stage: Stage, words: str) -> None:
        def here(path: re.Match[str]) -> str:
            kept_apart = self.folder / stage.name if path[0] == f"/{PROGRAM}" else self.folder
            return f"{kept_apart}{path[0]}"

        command = re.sub(r"(?<!\S)/\S+", here, words)
        env = clean_environment(PYTHON=sys.executable, QUICK="1")
        for name in ("PYTHONPATH", "VIRTUAL_ENV"):
            env.pop(name, None)
        done = subprocess.run(
            ["bash", "-euc", command], cwd=self.folder / "src", env=env, check=False, timeout=STEP_WITHIN_S,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert done.returncode == 0, f"{words}\n{done.stdout}"


def without_rights(*command: str) -> list[str]:
    """As in a container that may nothing: root, too, minds what is read-only."""
    if os.geteuid() != 0:
        return list(command)
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", *command]


def close(tree: Path) -> None:
    """Nobody writes in it any more."""
    for place in (tree, *tree.rglob("*")):
        if not place.is_symlink():
            place.chmod(place.stat().st_mode & ~0o222)


def open_again(tree: Path) -> None:
    """Its owner may remove it."""
    for place in (tree, *tree.rglob("*")):
        if place.is_dir() and not place.is_symlink():
            place.chmod(0o755)
