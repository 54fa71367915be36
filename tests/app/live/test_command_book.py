"""A machine's commands, from the API and the socket, in whatever order they come."""

from typing import Any

from sunsweep.app.live.command_book import CommandBook, Step
from sunsweep.app.live.command_now import CommandNow
from tests.app.live.rows import NOW_MS, iso

FIRST, SECOND = "01900000-0000-7000-8000-000000000000", "01900001-0000-7000-8000-000000000000"


def api(command_id: str, state: str, at_ms: int, **more: Any) -> dict[str, Any]:
    return {
        "id": command_id,
        "command": "start_cleaning",
        "params": {"speed": 5},
        "state": state,
        "reason": "",
        "open": False,
        "issued_at": iso(NOW_MS),
        "issued_by_name": "op@example.com",
        "expires_at": None,
        "changed_at": iso(at_ms),
        **more,
    }


def test_the_newest_is_first() -> None:
    book = CommandBook()
    book.take_rows([api(FIRST, "succeeded", NOW_MS)])
    book.take_now([CommandNow(SECOND, "pause", "sent", NOW_MS)])
    assert book.ids() == (SECOND, FIRST)
    assert book.lacking() == [SECOND]


def test_a_row_that_is_late_corrects_nothing() -> None:
    book = CommandBook()
    book.take_now([CommandNow(FIRST, "", "running", NOW_MS + 2)])
    book.take_rows([api(FIRST, "sent", NOW_MS + 1)])
    told = book.get(FIRST)
    assert told is not None
    assert (told.now.state, told.now.command, told.given_by) == ("running", "start_cleaning", "op@example.com")
    assert not book.lacking()


def test_its_life_goes_on_by_the_socket() -> None:
    book = CommandBook()
    history = [{"state": "queued", "reason": "", "at": iso(NOW_MS)}, {"state": "sent", "reason": "", "at": iso(NOW_MS)}]
    book.take_rows([api(FIRST, "sent", NOW_MS, history=history)])
    assert book.take_now([CommandNow(FIRST, "", "failed", NOW_MS + 5, "interlock")])
    assert not book.take_now([CommandNow(FIRST, "", "failed", NOW_MS + 5, "interlock")])
    told = book.get(FIRST)
    assert told is not None
    assert told.steps[-1] == Step("failed", "interlock", NOW_MS + 5)
    book.take_rows([api(FIRST, "sent", NOW_MS)])
    told = book.get(FIRST)
    assert told is not None
    assert (len(told.steps), told.now.state) == (3, "failed")


def test_a_stop_that_has_ended_is_open_no_more() -> None:
    book = CommandBook()
    book.take_rows([api(FIRST, "sent", NOW_MS, command="stop_cleaning", open=True)])
    assert getattr(book.get(FIRST), "is_open", False)
    book.take_now([CommandNow(FIRST, "", "succeeded", NOW_MS + 1)])
    assert not getattr(book.get(FIRST), "is_open", True)
