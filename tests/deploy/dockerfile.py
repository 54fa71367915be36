"""`deploy/Dockerfile` and `.dockerignore`, as far as they are written here."""

import re
import shlex
import subprocess
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Final

ROOT: Final = Path(__file__).parents[2]
DOCKERFILE: Final = ROOT / "deploy/Dockerfile"
DOCKERIGNORE: Final = ROOT / ".dockerignore"
INSTRUCTIONS: Final = frozenset(
    {"ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "LABEL", "RUN", "USER", "WORKDIR"}
)


@dataclass(frozen=True)
class Instruction:
    """`words` is what stands behind the flags."""

    name: str
    flags: dict[str, str]
    words: str


@dataclass
class Stage:
    """From one FROM to the next."""

    name: str
    base: str
    platform: str | None
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, name: str) -> list[Instruction]:
        return [one for one in self.instructions if one.name == name]

    @property
    def copied_from_context(self) -> list[tuple[list[str], str]]:
        """Sources and where they go."""
        copied = [shlex.split(one.words) for one in self.all("COPY") if "from" not in one.flags]
        return [(words[:-1], words[-1]) for words in copied]


def instructions() -> list[Instruction]:
    """Of the whole file, its lines joined; a name that Docker does not know fails."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [_instruction(line) for line in joined.splitlines() if line.strip()]


def _instruction(line: str) -> Instruction:
    name, _, rest = line.partition(" ")
    assert name in INSTRUCTIONS, line
    flags = {}
    while found := re.match(r"--(\w+)=(\S+) +", rest):
        flags[found[1]] = found[2]
        rest = rest[found.end() :]
    return Instruction(name, flags, rest.strip())


def stages() -> dict[str, Stage]:
    """By name, in their order."""
    found: dict[str, Stage] = {}
    for one in instructions():
        if one.name == "FROM":
            base, as_, name = one.words.split()
            assert as_ == "AS"
            found[name] = Stage(name, base, one.flags.get("platform"))
        elif found:
            list(found.values())[-1].instructions.append(one)
    return found


def context() -> list[PurePosixPath]:
    """The files of the tree, committed or about to be, that a build is given."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    rules = ignore_rules()
    files = [PurePosixPath(name) for name in listed.split("\0") if name and (ROOT / name).is_file()]
    return [file for file in files if is_admitted(file, rules)]


def ignore_rules() -> list[str]:
    return [line for line in DOCKERIGNORE.read_text().splitlines() if line and not line.startswith("#")]


def is_admitted(file: PurePosixPath, rules: list[str]) -> bool:
    """The last rule that names the file, or a folder that it is in, decides."""
    admitted = True
    for rule in rules:
        pattern = rule.removeprefix("!")
        if any(_is_named(place, pattern) for place in (file, *file.parents[:-1])):
            admitted = rule.startswith("!")
    return admitted


def _is_named(place: PurePosixPath, pattern: str) -> bool:
    """`**/` stands for any folder, `*` for a part of one name."""
    if pattern.startswith("**/"):
        return fnmatchcase(place.name, pattern.removeprefix("**/"))
    parts = pattern.split("/")
    return len(parts) == len(place.parts) and all(map(fnmatchcase, place.parts, parts))
