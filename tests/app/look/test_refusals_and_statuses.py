"""Every code of the API, every reason of a dead letter and every known status has its words."""

import ast
from pathlib import Path

import pytest

import sunsweep
from sunsweep.app import words
from sunsweep.app.look.refusals import MESSAGES, PROBLEMS, message_words, problem_words
from sunsweep.app.look.statuses import STATUSES, status_words
from sunsweep.contract.refusal import Reason
from sunsweep.machine.states import State
from sunsweep.server.features.catalogue.effects import STANDING, WORKING, plain


def codes_of_the_server() -> set[str]:
    """What classes of errors name as their `code`."""
    found = set()
    for path in (Path(sunsweep.__file__ or "").parent / "server").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                found |= {
                    str(line.value.value)
                    for line in node.body
                    if isinstance(line, ast.Assign)
                    and isinstance(line.value, ast.Constant)
                    and [target.id for target in line.targets if isinstance(target, ast.Name)] == ["code"]
                }
    return found


def test_every_problem_has_words() -> None:
    codes = codes_of_the_server()
    assert {"stop_unconfirmed", "not_found"} <= codes
    assert codes - set(PROBLEMS) == set()
    assert set(PROBLEMS) - codes == {"too_large"}


def test_every_refused_message_has_words() -> None:
    assert set(MESSAGES) == set(Reason)


def test_every_status_that_the_platform_knows_has_words() -> None:
    assert {plain(status) for status in (*State, *STANDING, *WORKING)} | {"offline"} == set(STATUSES)


@pytest.mark.parametrize("status", ["EmergencyStop", "emergency stop", "EMERGENCY-STOP"])
def test_a_status_is_known_however_it_is_written(status: str) -> None:
    assert status_words(status) == "Emergency stop"


def test_what_is_unknown_stands_as_it_came() -> None:
    assert status_words("Folding arms") == "Folding arms"
    assert message_words("odd") == "odd"
    assert problem_words("odd", "the arm is folded") == "the arm is folded"
    assert problem_words("odd") == "odd"


def test_all_in_the_language_in_use() -> None:
    words.use("es")
    assert [problem_words("machine_disabled"), message_words("not_json"), status_words("Docked")] == [
        "La máquina está desactivada",
        "El mensaje no es JSON",
        "En la base",
    ]
