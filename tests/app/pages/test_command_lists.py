"""What the pages about commands know and say, without a page: lists in place, runs counted, machines chosen."""

from typing import Any

import pytest

from sunsweep.app.live.command_now import CommandNow
from sunsweep.app.live.machine import MachineNow
from sunsweep.app.pages.commands.choosing import (
    SHOWN,
    Choice,
    How,
    Terms,
    address_of,
    choice_of,
    facets,
    found,
    one_of_each_model,
)
from sunsweep.app.pages.commands.given import OVER, UNDER_WAY, Book, given
from sunsweep.app.pages.commands.tally import SHARES, Run, Share, ended_words, progress_words, run, target_words
from sunsweep.contract.commands import CommandState
from sunsweep.server.features.bulk.progress import NOT_GIVEN, REFUSED
from sunsweep.server.features.bulk.selection import Selection
from sunsweep.server.features.bulk.shapes import BulkWish


def row(number: int, state: str = "queued", **more: Any) -> dict[str, Any]:
    return {
        "id": f"id-{number:03}",
        "machine_id": "SUN-1",
        "command": "start_cleaning",
        "params": {},
        "state": state,
        "reason": "",
        "open": False,
        "issued_at": "2026-11-28T09:00:00Z",
        "issued_by_name": "operator@example.com",
        "expires_at": None,
        "sends": 0,
        "changed_at": "2026-11-28T09:00:00Z",
        **more,
    }


AT_MS = 1_795_856_400_000
"""Of the rows' `changed_at`."""


def now(number: int, state: str, *, after_s: float = 1, reason: str = "") -> CommandNow:
    return CommandNow(f"id-{number:03}", "", state, AT_MS + int(after_s * 1000), reason)


def followed(book: Book, *news: CommandNow) -> bool:
    return book.follow({one.id: one for one in news})


def test_every_state_is_under_way_or_over() -> None:
    assert {*map(str, UNDER_WAY), *map(str, OVER)} == {*map(str, CommandState)}


def test_a_command_that_ends_keeps_its_place() -> None:
    book = Book()
    book.take_under_way([row(3), row(1)])
    book.take_past([row(2, "succeeded")])
    assert (book.under_way, book.past) == (("id-003", "id-001"), ("id-002",))
    assert not followed(book, now(1, "succeeded"))
    assert book.items["id-001"].given.state == "succeeded"
    book.take_under_way([row(3), row(4)])
    book.take_past([row(2, "succeeded"), row(1, "succeeded", changed_at="2026-11-28T09:00:01Z")])
    assert (book.under_way, book.past) == (("id-004", "id-003", "id-001"), ("id-002",))


def test_only_what_is_newer_than_the_lists_has_them_read_again() -> None:
    book = Book()
    book.take_under_way([row(5)])
    book.take_past([])
    assert not followed(book, now(2, "succeeded"), now(5, "sent"))
    assert followed(book, now(6, "queued"))
    assert not followed(book, now(6, "sent")), "they are being read already"


def test_an_answer_that_was_asked_for_earlier_takes_nothing_back() -> None:
    book = Book()
    book.take_under_way([row(1)])
    followed(book, now(1, "running", after_s=5))
    followed(book, now(1, "sent", after_s=2))
    book.take_under_way([row(1, "sent")])
    assert book.items["id-001"].given.state == "running"


def test_what_may_be_done_about_a_command() -> None:
    assert given(row(1)).may_cancel
    stop = given(row(1, "unconfirmed", command="stop_cleaning", open=True))
    assert stop.may_close
    assert not stop.may_cancel
    assert not given(row(1, "sent", command="stop_cleaning", open=True)).may_close
    confirmed = stop.at(now(1, "succeeded"))
    assert (confirmed.is_open, confirmed.may_close) == (False, False)
    assert not stop.at(now(1, "unconfirmed", reason="closed by admin@example.com")).is_open


def bulk(**more: Any) -> Run:
    return run(
        {
            "id": "run",
            "command": "start_cleaning",
            "params": {},
            "state": "running",
            "reason": "",
            "machines": 37,
            "stage": 2,
            "stages": 4,
            "stage_size": 10,
            "abort_after": 3,
            "counts": {"succeeded": 12, "running": 6, "queued": 2, "refused": 1, "not_given": 16},
            "issued_at": "2026-11-28T09:00:00Z",
            "issued_by_name": "operator@example.com",
            "ended_at": None,
            **more,
        }
    )


def test_every_machine_of_a_run_is_in_one_share() -> None:
    states = [state for share in Share for state in SHARES[share]]
    assert sorted(states) == sorted([*CommandState, REFUSED, NOT_GIVEN])
    assert {share: bulk().share(share) for share in Share} == {
        "done": 12,
        "under-way": 8,
        "not-done": 1,
        "not-given": 16,
    }


def test_a_run_in_words() -> None:
    assert progress_words(bulk()) == "Running, stage 2 of 4"
    assert progress_words(bulk(stages=1)) == "Running"
    assert progress_words(bulk(state="aborted")) == "Ended early; waiting for what was sent"
    ended = {"ended_at": "2026-11-28T09:10:00Z"}
    assert progress_words(bulk(**ended)) == "12 of 37 machines have done it"
    assert progress_words(bulk(counts={"succeeded": 37}, **ended)) == "All 37 machines have done it"
    assert bulk().may_abort
    assert not bulk(**ended).may_abort
    assert ended_words("aborted by a@example.com") == "Ended early by a@example.com"
    assert ended_words("3 machines did not do it, and abort_after is 3") == (
        "Ended early: 3 machines did not do it, and the limit was 3"
    )
    assert target_words("not_given", "") == "Not sent yet"
    assert target_words("refused", "stop_cleaning was given to it meanwhile") == (
        "Refused by the platform: Stop cleaning was ordered meanwhile"
    )


def machine(
    serial: str, *, name: str = "", model: str = "", status: str = "Idle", tags: tuple[str, ...] = ()
) -> MachineNow:
    one = MachineNow(serial, lambda: 1)
    one.name, one.model, one.status, one.tags = name, model, status, tags
    one.take_frame({"type": "result", "ts": "2026-01-01T00:00:00Z", "data": {}})
    return one


FLEET = [
    machine("SUN-1", name="Row 1", model="M1", tags=("north", "new")),
    machine("SUN-2", name="Row 2", model="M1", status="Running", tags=("north",)),
    machine("SUN-3", name="Row 3", model="M2", status="running"),
]


@pytest.mark.parametrize(
    ("choice", "meant"),
    [
        (Choice(), []),
        (Choice(How.ALL), ["SUN-1", "SUN-2", "SUN-3"]),
        (Choice(tags=frozenset({"north"})), ["SUN-1", "SUN-2"]),
        (Choice(tags=frozenset({"north", "new"})), ["SUN-1"]),
        (Choice(model="M1", status="RUNNING"), ["SUN-2"]),
        (Choice(status="Running", presence="online"), ["SUN-2", "SUN-3"]),
        (Choice(presence="offline"), []),
        (Choice(How.CHOSEN), []),
        (Choice(How.CHOSEN, machine_ids=frozenset({"SUN-3"})), ["SUN-3"]),
    ],
)
def test_who_is_meant_is_who_the_server_means(choice: Choice, meant: list[str]) -> None:
    assert [one.machine_id for one in FLEET if choice.means(one)] == meant
    if choice.filter is not None:
        Selection.model_validate(choice.filter)
        assert choice_of(address_of(choice, "pause")) == (choice, "pause")


def test_what_is_not_shown_does_not_choose() -> None:
    choice = Choice(How.ALL, tags=frozenset({"north"}), machine_ids=frozenset({"SUN-1"}))
    assert choice.filter == {"all": True}
    assert Choice().with_tag("north").with_tag("north") == Choice()


def test_facets_and_search() -> None:
    offered = facets(FLEET)
    assert (offered.tags, offered.models, offered.statuses) == (("new", "north"), ("M1", "M2"), ("Idle", "Running"))
    by_id = {one.machine_id: one for one in FLEET}
    assert [one.machine_id for one in found(by_id, "north row")] == ["SUN-1", "SUN-2"]
    assert len(found({f"S-{n}": machine(f"S-{n}") for n in range(100)}, "")) == SHOWN
    assert one_of_each_model(FLEET) == {"M1": "SUN-1", "M2": "SUN-3"}


def test_the_terms_are_what_the_server_takes() -> None:
    terms = Terms("start_cleaning", {"all": True}, {"speed": 7}, expires_in=600, stage_size=10)
    assert BulkWish.model_validate({**terms.wish, "dry_run": True}).stage_size == 10
    assert terms.wish == {
        "command": "start_cleaning",
        "params": {"speed": 7},
        "filter": {"all": True},
        "expires_in": 600,
        "stage_size": 10,
    }
