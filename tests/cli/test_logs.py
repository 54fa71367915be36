"""The log, as people and as programs read it."""

import json
import logging
import warnings
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
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    root.handlers = handlers
    root.setLevel(level)


def fail(words: str = "no good", password: str = "") -> None:
    raise ValueError(words, len(password)) if password else ValueError(words)


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


SECRETS = (
    "mysql://sunsweep:hush-1@db/sunsweep cannot be reached",
    "mqtts://backend:hush%2F2@broker:8883",
    'GET "/realtime/M-1?since=3&token=hush.3" 101',
    "headers: [(b'authorization', b'Bearer hush-5-and-more-of-it')]",
    "sec-websocket-protocol: bearer, hush-6-and-more-of-it",
    "username=me&password=hush7&scope=",
    '{"mqtt_username": "m-1", "mqtt_password": "hush-8"}',
    "refused: eyJhbGciOiJIUzI1NiJ9.eyJodXNoLTQifQ.hush-4_x",
)


@pytest.mark.parametrize("form", logs.LogFormat)
def test_secrets_are_never_in_it(capsys: pytest.CaptureFixture[str], form: logs.LogFormat) -> None:
    logs.set_up("INFO", form)
    for words in SECRETS:
        structlog.get_logger("ours").warning("it failed", error=words)
        logging.getLogger("uvicorn.error").warning("said of %s", words)
        try:
            fail(words, password="-".join(("hu" + "sh", "in a local variable")))
        except ValueError:
            structlog.get_logger("ours").exception("it failed")
    out = capsys.readouterr().err
    assert "hush" not in out
    assert "eyJ" not in out
    assert out.count("***") >= 3 * len(SECRETS)
    assert "mysql://sunsweep:***@db/sunsweep cannot be reached" in out
    assert "since=3&token=***" in out


@pytest.mark.parametrize("words", ["http://127.0.0.1:8000/app?token_kind=x", "ratio 3:4@5", "nothing secret"])
def test_what_is_no_secret_is_left_alone(capsys: pytest.CaptureFixture[str], words: str) -> None:
    logs.set_up("INFO", logs.LogFormat.JSON)
    structlog.get_logger("ours").info(words)
    assert json.loads(capsys.readouterr().err)["event"] == words


def test_warnings_and_the_web_server_speak_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("INFO", logs.LogFormat.JSON)
    warnings.showwarning("old", DeprecationWarning, "file.py", 3)
    logging.getLogger("uvicorn.error").error("it broke")
    structlog.get_logger("ours").info("two\nlines")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["logger"], line["level"]) for line in lines] == [
        ("py.warnings", "warning"),
        ("uvicorn.error", "error"),
        ("ours", "info"),
    ]
    assert "DeprecationWarning: old" in lines[0]["event"]
    assert all(line["timestamp"].endswith("Z") for line in lines)
