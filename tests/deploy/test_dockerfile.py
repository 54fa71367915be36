"""`deploy/Dockerfile`, read: no engine is here to build it. Its steps are run in `test_image_steps`."""

import os
import re
import shlex
import tomllib
from pathlib import PurePosixPath

import pytest

from tests.deploy.dockerfile import DOCKERFILE, ROOT, Stage, context, ignore_rules, instructions, is_admitted, stages

IMAGES = ("backend", "machine")


def version() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return str(project["version"])


def chain(name: str) -> list[Stage]:
    """A stage and what it stands on."""
    found = [stages()[name]]
    while found[-1].base in stages():
        found.append(stages()[found[-1].base])
    return found


def test_every_image_stands_on_one_python_named_by_its_version() -> None:
    first = instructions()[0]
    assert (first.name, first.words) == ("ARG", "PYTHON=3.11-slim-bookworm")
    assert {chain(name)[-1].base for name in stages()} == {"python:${PYTHON}"}


def test_only_what_is_the_same_for_every_processor_is_built_on_the_builders_own() -> None:
    assert {stage.name: stage.platform for stage in stages().values() if stage.platform} == {"wheels": "$BUILDPLATFORM"}
    assert not re.search(r"amd64|x86_64|aarch64|armv7", DOCKERFILE.read_text().split("\nARG", 1)[1])


def test_without_a_target_it_builds_the_backend() -> None:
    assert list(stages())[-1] == "backend"


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_ends_as_a_user_by_number_and_with_a_command_of_its_own(name: str) -> None:
    ending = [(one.name, one.words) for one in stages()[name].instructions[-5:]]
    assert ("USER", "10001:10001") in ending
    assert [one for one, _ in ending[-2:]] == ["ENTRYPOINT", "CMD"]
    assert all(words.startswith("[") for _, words in ending[-2:]), "a shell would stand before the program"


@pytest.mark.parametrize("name", IMAGES)
def test_nothing_is_installed_or_fetched_in_a_last_stage(name: str) -> None:
    said = " ".join(one.words for stage in chain(name) for one in stage.all("RUN"))
    assert not re.search(r"apt|pip|uv |curl|wget|http", said), said
    (copied,) = stages()[name].all("COPY")
    assert copied.flags == {"from": f"{name}-program"}
    assert copied.words == "/opt/sunsweep /opt/sunsweep"


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_says_what_it_is(name: str) -> None:
    labels = dict(
        pair.split("=", 1) for stage in chain(name) for one in stage.all("LABEL") for pair in shlex.split(one.words)
    )
    wanted = ("title", "description", "vendor", "licenses", "version", "revision")
    assert labels.keys() == {f"org.opencontainers.image.{word}" for word in wanted}
    assert f"ARG VERSION={version()}\n" in DOCKERFILE.read_text()


def test_what_it_copies_is_there_and_comes_through_dockerignore() -> None:
    files = context()
    copied = [source for stage in stages().values() for sources, _ in stage.copied_from_context for source in sources]
    assert copied
    for source in copied:
        assert any(file.is_relative_to(source) for file in files), source


def test_it_copies_from_stages_before_it() -> None:
    before: set[str] = set()
    for stage in stages().values():
        assert {one.flags["from"] for one in stage.all("COPY") if "from" in one.flags} <= before, stage.name
        before.add(stage.name)


def test_every_script_is_there_and_may_be_run_and_none_is_left_over() -> None:
    called = {
        script
        for stage in stages().values()
        for one in stage.all("RUN")
        for script in re.findall(r"(?:deploy/image|/image)/(\w+\.sh)", one.words)
    }
    assert called == {script.name for script in (ROOT / "deploy/image").glob("*.sh")}
    assert all(os.access(ROOT / "deploy/image" / script, os.X_OK) for script in called)


def test_the_context_is_what_is_copied_and_nothing_else() -> None:
    copied = {source for stage in stages().values() for sources, _ in stage.copied_from_context for source in sources}
    for file in context():
        assert any(file.is_relative_to(source) for source in copied), file


@pytest.mark.parametrize(
    "name",
    [
        ".env", "deploy/.env", "data/demo/sunsweep.db", ".git/config", ".venv/bin/python", "tests/conftest.py",
        "src/sunsweep/__pycache__/x.pyc", "src/sunsweep/app/words/catalogues/es.mo",
        "src/sunsweep/app/bundle/site/index.html", "src/sunsweep/app/bundle/.building.lock", "deploy/compose.yaml",
    ],
)  # fmt: skip
def test_no_secret_no_data_and_nothing_built_outside_gets_in(name: str) -> None:
    assert not is_admitted(PurePosixPath(name), ignore_rules())


@pytest.mark.parametrize("name", ["src/sunsweep/server/web.py", "deploy/image/uv.sh", "README.md"])
def test_what_the_steps_need_gets_in(name: str) -> None:
    assert is_admitted(PurePosixPath(name), ignore_rules())
