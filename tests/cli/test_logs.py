"""The log, as people and as programs read it."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from sunsweep.cli import logs


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """What other tests log is not to change."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    structlog.reset_defaults()
    root.handlers = handlers
    root.setLevel(level)


def fail() -> None:
    raise ValueError("no good")


def test_json_is_a_line_an_event_with_the_traceback_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("INFO", logs.LogFormat.JSON)
    try:
        fail()
    except ValueError:
        structlog.get_logger("ours").exception("it failed", number=7)
        logging.getLogger("theirs").exception("it failed with %d", 7)
    ours, theirs = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (ours["event"], ours["number"], ours["level"], ours["logger"]) == ("it failed", 7, "error", "ours")
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("it failed with 7", "error", "theirs")
    for line in (ours, theirs):
        assert "ValueError: no good" in line["exception"]
        assert line["timestamp"].endswith("Z")


def test_text_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("INFO")
    structlog.get_logger("ours").info("it works", number=7)
    line = capsys.readouterr().err
    assert "it works" in line
    assert "number=7" in line
