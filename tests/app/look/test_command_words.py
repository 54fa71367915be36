"""Commands in words: complete over what the server and the machine say."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import sunsweep
from sunsweep.app.look.commands import (
    REASONS,
    WAITS_FOR_BROKER,
    WAITS_FOR_MACHINE,
    order_words,
    reason_words,
    state_words,
    story,
)
from sunsweep.contract.commands import CommandState, Order
from sunsweep.machine.states import Happening
from sunsweep.server.dispatch import round as dispatch_round
from sunsweep.server.dispatch import timing, unanswered
from sunsweep.server.dispatch.outgoing import Unsent
from sunsweep.server.features.commands.ending import GONE

SOURCES = Path(sunsweep.__file__ or "").parent


def test_every_state_and_order_has_words_of_its_own(language: str) -> None:
    assert len({state_words(state) for state in CommandState}) == len(CommandState)
    assert len({order_words(order) for order in Order}) == len(Order)
    if language != "en":
        assert not {state_words(state) for state in CommandState} & {"Waiting", "Sent", "Done", "Failed"}


def calls_in(folder: str) -> Iterator[ast.Call]:
    for path in sorted((SOURCES / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield node


def texts(nodes: list[ast.expr]) -> list[str]:
    return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def test_every_reason_of_the_server_has_words() -> None:
    constants = [dispatch_round.NOT_PROVABLE, unanswered.NOTHING_SAID, unanswered.NOT_ENDED, GONE, *Unsent]
    assert [timing.NOBODY_LISTENS, timing.BROKER_AWAY] == [WAITS_FOR_MACHINE, WAITS_FOR_BROKER]
    written = [
        text
        for folder in ("server/features/commands", "server/features/bulk", "server/dispatch")
        for call in calls_in(folder)
        for text in texts([keyword.value for keyword in call.keywords if keyword.arg == "reason"])
        if text
    ]
    assert "cancelled by a person" in written
    assert {*constants, *written} - set(REASONS) == set()


def test_every_reason_of_the_machine_has_words() -> None:
    """Codes in `Refuse(id, code, words)`, `Rejected(code, words)` and `{"reason": code}`, and what moves a machine."""
    found = {"Refuse": 1, "Rejected": 0}
    codes = set(map(str, Happening))
    for call in calls_in("machine"):
        if isinstance(call.func, ast.Name) and call.func.id in found:
            codes.update(texts(call.args[found[call.func.id] :][:1]))
    for path in (SOURCES / "machine").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Dict):
                pairs = zip(node.keys, node.values, strict=True)
                codes.update(texts([value for key, value in pairs if key and texts([key]) == ["reason"]]))
    assert {"interlock", "older_than_stop", "hardware", "restarted"} <= codes
    assert codes - set(REASONS) == set()


@pytest.mark.parametrize(
    ("reason", "english"),
    [
        ("overtaken by stop_cleaning", "Stop cleaning was ordered after it"),
        ("superseded by emergency_stop", "Emergency stop was ordered after it"),
        ('its status became "Running"', "the machine's state is Cleaning"),
        ("overtaken by fold.arm", "fold.arm was ordered after it"),
        ("return_to_dock", "Return to dock was ordered after it"),
        ("closed by ann@example.com", "closed by ann@example.com"),
        ('its status is "Idle"', "the machine's state is Idle"),
        ('its status became "say "hi""', 'the machine\'s state is say "hi"'),
        ("the arm is stuck {x}", "the arm is stuck {x}"),
    ],
)
def test_reasons_with_a_name_in_them(reason: str, english: str) -> None:
    assert reason_words(reason) == english


@pytest.mark.parametrize(
    ("command", "state", "reason", "offline", "english"),
    [
        ("pause", "queued", WAITS_FOR_MACHINE, "since 09:12", "Waiting for the machine, offline since 09:12"),
        (
            "stop_cleaning",
            "queued",
            "",
            "since 09:12",
            "Waiting for the machine, offline since 09:12; the stop is sent first",
        ),
        ("pause", "queued", WAITS_FOR_MACHINE, "", "Waiting for the machine to connect"),
        ("pause", "queued", WAITS_FOR_BROKER, "", "Waiting: the message broker cannot be reached"),
        ("pause", "queued", "", "", "Waiting to be sent"),
        ("emergency_stop", "sent", "", "", "Stop sent, not confirmed yet"),
        ("start_cleaning", "sent", "", "", "Sent, no answer yet"),
        ("start_cleaning", "running", "", "", "Running, said the machine"),
        ("start_cleaning", "succeeded", "", "", "Done, said the machine"),
        ("stop_cleaning", "succeeded", 'its status is "Idle"', "", "Done: the machine's state is Idle"),
        (
            "start_cleaning",
            "rejected",
            "interlock",
            "",
            "Refused by the machine: the machine's safety limits do not allow it",
        ),
        ("start_cleaning", "expired", str(Unsent.LATE), "", "Expired: it could not be sent in time"),
        ("start_cleaning", "cancelled", "", "", "Cancelled"),
        ("start_cleaning", "folded", "", "", "folded"),
    ],
)
def test_the_story(command: str, state: str, reason: str, offline: str, english: str) -> None:
    assert story(command, state, reason, offline=offline) == english


def test_every_story_is_told_in_every_language(language: str) -> None:
    told = {story(order, state, reason) for order in Order for state in CommandState for reason in ("", *REASONS)}
    assert len(told) > 200
    if language != "en":
        assert not [line for line in told if "the machine" in line]
