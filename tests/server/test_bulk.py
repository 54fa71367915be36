"""One command for many machines over REST: filter, dry run, confirmation, stages, results, abort, stop-all."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select

from sunsweep.server.clock import wall_clock
from sunsweep.server.db.models import AuditEntry, BulkRun, CommandRow, Machine
from sunsweep.server.features.bulk import repository
from sunsweep.server.features.commands.lifecycle import State
from tests.support.bulk import (
    CLEAN,
    ask,
    become,
    begin,
    commands_of,
    disable,
    fleet,
    look_first,
    results,
    roll_out,
    run_of,
)
from tests.support.orders import ADMIN, OPERATOR, ROOT, VIEWER, give, given, program, say
from tests.support.platform import Platform

pytestmark = pytest.mark.asyncio(loop_scope="module")
BETA = "admin@beta.example"


async def meant(platform: Platform, chosen: Any) -> list[str]:
    return [item["machine_id"] for item in (await look_first(platform, chosen, **CLEAN))["items"]]


async def test_a_filter_means_the_machines_that_fit_every_word_of_it(quiet: Platform) -> None:
    one, two, three = await fleet(quiet, "FIT", 3, model="S1", tags='["fit","north"]')
    four, five = await fleet(quiet, "FIX", 2, model="S2", tags='["fit"]')
    theirs = await fleet(quiet, "FIT-B", 1, company_id=2, model="S1", tags='["fit","north"]')
    for serial, status in ((one, "Idle"), (two, "in-Progress "), (four, "In progress")):
        await say(quiet, serial, status, at_ms=wall_clock(), in_session=False)
    assert await meant(quiet, {"tags": ["fit"]}) == [one, two, three, four, five]
    assert await meant(quiet, {"tags": ["north", "fit"]}) == [one, two, three]
    assert await meant(quiet, {"tags": ["fit"], "model": "S2"}) == [four, five]
    assert await meant(quiet, {"tags": ["fit"], "state": ["inprogress"]}) == [two, four]
    assert await meant(quiet, {"tags": ["fit"], "state": ["IDLE", "in progress"], "model": "S1"}) == [one, two]
    assert await meant(quiet, {"tags": ["fit"], "presence": "offline"}) == [three, five]
    seen = await look_first(quiet, {"machine_ids": [five, one, theirs[0], "NOWHERE"]}, **CLEAN)
    assert [item["machine_id"] for item in seen["items"]] == [one, five]
    assert seen["unknown"] == [theirs[0], "NOWHERE"]
    everything = await meant(quiet, {"all": True})
    assert {one, two, three, four, five} <= set(everything)
    assert not set(theirs) & set(everything)


@pytest.mark.parametrize(
    "chosen",
    [{}, {"all": False}, {"all": True, "model": "S1"}, {"tags": []}, {"state": ["offline"]}, {"colour": "red"}, None],
)
async def test_a_filter_that_says_nothing_or_two_things_is_refused(quiet: Platform, chosen: Any) -> None:
    for command in ("start_cleaning", "stop_cleaning"):
        answer = await ask(quiet, chosen, command=command)
        assert answer.status_code == 422
        assert answer.json()["field"].startswith("filter")


async def test_a_dry_run_tells_who_would_refuse_and_changes_nothing(quiet: Platform) -> None:
    serials = await fleet(quiet, "DRY", 5, tags='["dry"]')
    await disable(quiet, serials[1])
    await given(quiet, serials[3], "stop_cleaning")
    before = await entries(quiet)
    seen = await look_first(quiet, {"tags": ["dry"]}, **CLEAN, stage_size=2)
    assert (seen["machines"], seen["stages"], seen["stage_size"], seen["confirmation_s"]) == (5, 3, 2, 300)
    assert seen["refused"] == {"machine_disabled": 1, "stop_unconfirmed": 1}
    assert [item["stage"] for item in seen["items"]] == [1, 1, 2, 2, 3]
    assert [item["refused"] and item["refused"]["code"] for item in seen["items"]] == [
        None, "machine_disabled", None, "stop_unconfirmed", None,
    ]  # fmt: skip
    page = (await ask(quiet, {"tags": ["dry"]}, path="?limit=1&refused=true", dry_run=True, **CLEAN)).json()
    assert ([item["machine_id"] for item in page["items"]], page["next_cursor"]) == ([serials[1]], serials[1])
    rest = f"?limit=1&refused=true&cursor={page['next_cursor']}"
    page = (await ask(quiet, {"tags": ["dry"]}, path=rest, dry_run=True, **CLEAN)).json()
    assert ([item["machine_id"] for item in page["items"]], page["next_cursor"]) == ([serials[3]], None)
    assert len(await commands_of(quiet, serials)) == 1
    assert await entries(quiet) == before


async def entries(platform: Platform) -> int:
    async with platform.database.read() as session:
        return await session.scalar(select(func.count()).select_from(AuditEntry)) or 0


async def test_a_start_needs_the_confirmation_of_exactly_this(quiet: Platform) -> None:
    serials = await fleet(quiet, "SURE", 3, tags='["sure"]')
    chosen = {"tags": ["sure"]}
    wish = CLEAN | {"stage_size": 2, "abort_after": 1, "expires_in": 60}
    token = (await look_first(quiet, chosen, **wish))["confirmation"]
    others: list[tuple[Any, dict[str, Any], dict[str, Any]]] = [
        (chosen, wish, {"confirmation": None}),
        (chosen, wish, {"confirmation": "guessed"}),
        (chosen, wish, {"confirmation": await quiet.token(OPERATOR)}),
        (chosen, wish, {"as_": ADMIN}),
        (chosen, wish | {"params": {"speed": 6}}, {}),
        (chosen, wish | {"command": "resume", "params": {}}, {}),
        (chosen, wish | {"stage_size": 3}, {}),
        (chosen, wish | {"abort_after": 2}, {}),
        (chosen, wish | {"expires_in": 61}, {}),
        ({"machine_ids": serials}, wish, {}),
    ]
    for other, asked, more in others:
        answer = await ask(quiet, other, **asked, **({"confirmation": token} | more))
        assert (answer.status_code, answer.json()["code"]) == (409, "confirmation_needed"), (asked, more)
    (late,) = await fleet(quiet, "SURE-LATE", 1, tags='["sure"]')
    answer = await ask(quiet, chosen, **wish, confirmation=token)
    assert (answer.status_code, answer.json()["code"]) == (409, "machines_changed")
    assert await commands_of(quiet, [*serials, late]) == []


async def test_a_confirmation_given_twice_begins_one_run(quiet: Platform) -> None:
    serials = await fleet(quiet, "TWICE", 2)
    chosen = {"machine_ids": serials}
    token = (await look_first(quiet, chosen, **CLEAN))["confirmation"]
    before = await entries(quiet)
    answers = [await ask(quiet, chosen, **CLEAN, confirmation=token) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert await entries(quiet) == before + 1
    await roll_out(quiet)
    assert len(await commands_of(quiet, serials)) == 2


async def test_stages_follow_each_other_once_their_commands_have_ended(quiet: Platform) -> None:
    serials = await fleet(quiet, "STEP", 5)
    bulk_id = await begin(quiet, {"machine_ids": serials}, **CLEAN, stage_size=2)
    assert await commands_of(quiet, serials) == []
    for stage, these in ((1, serials[:2]), (2, serials[2:4]), (3, serials[4:])):
        await roll_out(quiet)
        await roll_out(quiet)
        run = await run_of(quiet, bulk_id)
        assert (run["state"], run["stage"], run["stages"], run["machines"]) == ("running", stage, 3, 5)
        assert len(await commands_of(quiet, serials)) == min(2 * stage, 5)
        await become(quiet, these[1:], State.UNCONFIRMED)
        await roll_out(quiet)
        await become(quiet, these[:1], State.SUCCEEDED)
    assert (await run_of(quiet, bulk_id))["state"] == "running"
    await roll_out(quiet)
    run = await run_of(quiet, bulk_id)
    assert (run["state"], run["counts"], run["failures"]) == ("finished", {"succeeded": 3, "unconfirmed": 2}, 2)
    assert run["ended_at"] is not None
    assert (run["issued_by_name"], run["params"], run["filter"]) == (
        OPERATOR, {"speed": 5}, {"machine_ids": serials},
    )  # fmt: skip


async def test_a_command_says_which_run_gave_it_and_lists_go_with_or_without_runs(quiet: Platform) -> None:
    serials = await fleet(quiet, "OF-A-RUN", 3)
    alone = await given(quiet, serials[0], "pause")
    bulk_id = await begin(quiet, {"machine_ids": serials}, **CLEAN)
    await roll_out(quiet)
    of_run = {row.id for row in await commands_of(quiet, serials)} - {alone}
    assert len(of_run) == 3

    async def listed(query: str) -> dict[str, str | None]:
        rows = (await quiet.get(f"/commands?limit=500{query}"))["items"]
        return {row["id"]: row["bulk_id"] for row in rows if row["machine_id"] in serials}

    assert await listed("") == {alone: None} | dict.fromkeys(of_run, bulk_id)
    assert await listed("&bulk=false") == {alone: None}
    assert await listed("&bulk=true") == dict.fromkeys(of_run, bulk_id)
    assert await listed("&bulk=false&state=queued") == {alone: None}
    rows = (await quiet.get(f"/machines/{serials[0]}/commands"))["items"]
    assert {row["id"]: row["bulk_id"] for row in rows} == {rows[0]["id"]: bulk_id, alone: None}
    for row in rows:
        assert (await quiet.get(f"/machines/{serials[0]}/commands/{row['id']}"))["bulk_id"] == row["bulk_id"]
    assert (await quiet.call("GET", "/commands?bulk=some")).status_code == 422


async def test_too_many_failures_end_a_run_before_its_next_stage(quiet: Platform) -> None:
    serials = await fleet(quiet, "FAIL", 6)
    await disable(quiet, serials[0])
    bulk_id = await begin(quiet, {"machine_ids": serials}, **CLEAN, stage_size=3, abort_after=2)
    await roll_out(quiet)
    await become(quiet, serials[1:2], State.FAILED)
    await roll_out(quiet)
    run = await run_of(quiet, bulk_id)
    assert (run["state"], run["stage"]) == ("aborted", 1)
    assert run["reason"] == "2 machines did not do it, and abort_after is 2"
    assert run["counts"] == {"cancelled": 1, "failed": 1, "not_given": 3, "refused": 1}
    await roll_out(quiet)
    assert (await run_of(quiet, bulk_id))["ended_at"] is not None
    rows = {row["machine_id"]: row for row in await results(quiet, bulk_id)}
    assert rows[serials[0]]["reason"] == f"machine {serials[0]} is disabled"
    assert [rows[serial]["state"] for serial in serials] == ["refused", "failed", "cancelled", *["not_given"] * 3]
    failed = await results(quiet, bulk_id, "?state=failed&state=refused")
    assert [row["machine_id"] for row in failed] == serials[:2]
    waiting = await results(quiet, bulk_id, "?state=not_given&limit=2")
    assert [row["machine_id"] for row in waiting] == serials[3:5]


async def test_a_person_aborts_a_run_and_nothing_of_it_is_queued_any_more(quiet: Platform) -> None:
    serials = await fleet(quiet, "HALT", 4)
    bulk_id = await begin(quiet, {"machine_ids": serials}, **CLEAN, stage_size=2)
    await roll_out(quiet)
    await become(quiet, serials[:1], State.RUNNING)
    answer = await quiet.call("POST", f"/commands/bulk/{bulk_id}/abort", as_=OPERATOR)
    assert answer.status_code == 200
    run = answer.json()
    assert (run["state"], run["reason"], run["ended_at"]) == ("aborted", f"aborted by {OPERATOR}", None)
    assert run["counts"] == {"running": 1, "cancelled": 1, "not_given": 2}
    assert (await quiet.call("POST", f"/commands/bulk/{bulk_id}/abort", as_=OPERATOR)).status_code == 409
    rows = await results(quiet, bulk_id)
    assert rows[1]["reason"] == "its bulk run was aborted"
    # A start that met nobody comes back to the queue after the abort.
    async with quiet.database.write() as session:
        row = await session.get_one(CommandRow, rows[0]["command_id"])
        row.state = State.QUEUED
    await roll_out(quiet)
    run = await run_of(quiet, bulk_id)
    assert (run["counts"], run["ended_at"] is not None) == ({"cancelled": 2, "not_given": 2}, True)


async def test_a_stop_given_meanwhile_refuses_the_machine_s_start(quiet: Platform) -> None:
    serials = await fleet(quiet, "MEAN", 5)
    await given(quiet, serials[0], "stop_cleaning", State.SUCCEEDED)
    await given(quiet, serials[1], "return_to_dock")
    bulk_id = await begin(quiet, {"machine_ids": serials}, **CLEAN)
    await given(quiet, serials[2], "stop_cleaning")
    # Whoever stopped it while the run was under way wants it to stand, also once it does.
    await given(quiet, serials[3], "return_to_dock", State.SUCCEEDED)
    await roll_out(quiet)
    assert [(one["state"], one["reason"]) for one in await results(quiet, bulk_id)] == [
        ("queued", ""),
        ("refused", "return_to_dock is not confirmed yet; wait for it, or close it"),
        ("refused", "stop_cleaning was given to it meanwhile"),
        ("refused", "return_to_dock was given to it meanwhile"),
        ("queued", ""),
    ]


async def test_a_stop_between_the_dry_run_and_its_confirmation_counts_too(quiet: Platform) -> None:
    (serial,) = await fleet(quiet, "BETWEEN", 1)
    chosen = {"machine_ids": [serial]}
    seen = await look_first(quiet, chosen, **CLEAN)
    await given(quiet, serial, "stop_cleaning", State.SUCCEEDED)
    answer = await ask(quiet, chosen, confirmation=seen["confirmation"], **CLEAN)
    assert answer.status_code == 202, answer.text
    await roll_out(quiet)
    (result,) = await results(quiet, answer.json()["id"])
    assert (result["state"], result["reason"]) == ("refused", "stop_cleaning was given to it meanwhile")


async def test_stops_of_all_at_once_do_not_stand_in_each_other_s_way(quiet: Platform) -> None:
    """The machines' order by serial is not that of their ids, in which others lock them."""
    async with quiet.database.write() as session:
        names = [f"BACK-{n:03}" for n in reversed(range(250))]
        session.add_all(Machine(company_id=1, serial=name, created_at=1) for name in names)
    for stop in ("stop_cleaning", "emergency_stop"):
        answers = await asyncio.gather(*(ask(quiet, {"machine_ids": names}, command=stop) for _ in range(5)))
        assert [answer.status_code for answer in answers] == [202] * 5, [answer.text for answer in answers]
    await roll_out(quiet)
    rows = await commands_of(quiet, names)
    assert (len(rows), sum(row.holds > 0 for row in rows)) == (2500, 250)


@pytest.mark.parametrize("stop", ["stop_cleaning", "emergency_stop", "return_to_dock"])
async def test_a_stop_of_many_is_given_at_once_and_needs_no_confirmation(quiet: Platform, stop: str) -> None:
    serials = await fleet(quiet, f"ALL-{stop}", 450)
    start = await given(quiet, serials[7], "start_cleaning")
    answer = await ask(quiet, {"machine_ids": serials}, command=stop, stage_size=1, abort_after=1)
    assert answer.status_code == 202
    told = answer.json()
    assert (told["state"], told["machines"], told["counts"]) == ("running", 450, {"queued": 450})
    rows = [row for row in await commands_of(quiet, serials) if row.id != start]
    assert {(row.command, row.state, row.holds > 0, row.expires_at) for row in rows} == {(stop, "queued", True, None)}
    (cancelled,) = [row for row in await commands_of(quiet, serials) if row.id == start]
    assert (cancelled.state, cancelled.reason) == ("cancelled", f"overtaken by {stop}")
    await roll_out(quiet)
    assert len(await commands_of(quiet, serials)) == 451
    answer = await ask(quiet, {"machine_ids": ["NOWHERE"]}, command=stop)
    assert (answer.status_code, answer.json()["code"]) == (409, "no_machines")


async def test_bad_parameters_are_named_before_anything_is_written(quiet: Platform) -> None:
    serials = await fleet(quiet, "BAD", 2)
    for more in ({"dry_run": True}, {"confirmation": "x"}):
        answer = await ask(quiet, {"machine_ids": serials}, command="start_cleaning", params={"speed": 11}, **more)
        assert answer.status_code == (422 if "dry_run" in more else 409)
    answer = await ask(quiet, {"machine_ids": serials}, command="start_cleaning", params={"speed": 11}, dry_run=True)
    assert answer.json()["field"] == "params.speed"
    answer = await ask(quiet, {"machine_ids": serials}, command="dance", dry_run=True)
    assert answer.json()["field"] == "command"


async def test_runs_are_the_company_s_own(quiet: Platform) -> None:
    (mine,) = await fleet(quiet, "OURS", 1)
    (theirs,) = await fleet(quiet, "THEIRS", 1, company_id=2)
    await begin(quiet, {"machine_ids": [mine]}, **CLEAN)
    bulk_id = await begin(quiet, {"machine_ids": [mine]}, **CLEAN)
    answer = await ask(quiet, {"machine_ids": [mine, theirs]}, command="stop_cleaning", as_=BETA)
    assert (answer.json()["machines"], answer.json()["unknown"]) == (1, [mine])
    assert [row.machine_id for row in await commands_of(quiet, [mine])] == []
    for method, path in (("GET", ""), ("GET", "/machines"), ("POST", "/abort")):
        assert (await quiet.call(method, f"/commands/bulk/{bulk_id}{path}", as_=BETA)).status_code == 404
    listed = (await quiet.get("/commands/bulk", as_=BETA))["items"]
    assert [run["id"] for run in listed] == [answer.json()["id"]]
    assert (await ask(quiet, {"all": True}, command="stop_cleaning", as_=VIEWER)).status_code == 403
    assert (await ask(quiet, {"all": True}, command="stop_cleaning", as_=ROOT)).status_code == 422
    page = await quiet.get("/commands/bulk?limit=1")
    assert page["items"][0]["id"] == bulk_id
    assert page["next_cursor"] == bulk_id


async def test_a_bulk_start_counts_once_and_a_stop_never(quiet: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    serials = await fleet(quiet, "RATE", 5)
    async with program(quiet) as client:
        monkeypatch.setattr(quiet.settings, "commands_per_minute", 2)

        async def start() -> int:
            wish = {"filter": {"machine_ids": serials}, **CLEAN}
            seen = (await client.post("/commands", json=wish | {"dry_run": True})).json()
            return (await client.post("/commands", json=wish | {"confirmation": seen["confirmation"]})).status_code

        assert await start() == 202
        await roll_out(quiet)
        assert [await start(), await start()] == [202, 429]
        stop = {"filter": {"machine_ids": serials}, "command": "stop_cleaning"}
        assert [(await client.post("/commands", json=stop)).status_code for _ in range(3)] == [202] * 3


async def test_an_api_key_resets_no_emergency_stop_of_many(quiet: Platform) -> None:
    serials = await fleet(quiet, "RESET", 2)
    await given(quiet, serials[0], "emergency_stop", State.SUCCEEDED)
    async with program(quiet) as client:
        wish = {"filter": {"machine_ids": serials}, "command": "reset"}
        seen = (await client.post("/commands", json=wish | {"dry_run": True})).json()
        assert seen["refused"] == {"forbidden": 1}
        answer = await client.post("/commands", json=wish | {"confirmation": seen["confirmation"]})
    await roll_out(quiet)
    assert [row["state"] for row in await results(quiet, answer.json()["id"])] == ["refused", "queued"]


async def test_the_audit_log_has_one_entry_of_a_run(quiet: Platform) -> None:
    serials = await fleet(quiet, "TOLD", 3)
    before = await entries(quiet)
    answer = await ask(quiet, {"machine_ids": serials}, command="stop_cleaning")
    assert await entries(quiet) == before + 1
    entry = (await quiet.get("/audit?action=command.bulk&limit=1"))["items"][0]
    assert entry["detail"] == {
        "id": answer.json()["id"],
        "command": "stop_cleaning",
        "filter": {"machine_ids": serials},
        "machines": 3,
    }


async def test_a_stage_larger_than_a_transaction_is_given_in_several(quiet: Platform) -> None:
    serials = await fleet(quiet, "LARGE", 230)
    bulk_id = await begin(quiet, {"machine_ids": serials}, **CLEAN, stage_size=220)
    await roll_out(quiet)
    run = await run_of(quiet, bulk_id)
    assert (run["stage"], run["counts"]) == (1, {"not_given": 10, "queued": 220})
    async with quiet.database.read() as session:
        assert (await session.get_one(BulkRun, bulk_id)).stage == 1
    assert (await give(quiet, serials[0], "stop_cleaning")).status_code == 202


async def test_several_who_roll_out_at_once_give_nothing_twice(quiet: Platform) -> None:
    serials = await fleet(quiet, "SEVERAL", 30)
    for _ in range(3):
        bulk_id = await begin(quiet, {"machine_ids": serials}, **CLEAN, stage_size=10)
        await asyncio.gather(*(roll_out(quiet) for _ in range(4)))
        assert (await run_of(quiet, bulk_id))["counts"] == {"not_given": 20, "queued": 10}
        await quiet.call("POST", f"/commands/bulk/{bulk_id}/abort")
    assert len(await commands_of(quiet, serials)) == 30


@pytest.mark.parametrize("most", [1, 2000])
async def test_long_filters_make_short_pages(quiet: Platform, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Or a few hundred stops of thousands of serials each would be one answer of hundreds of megabytes."""
    serials = await fleet(quiet, f"LONG-{most}", 1)
    chosen = {"machine_ids": [*serials, *(f"OTHER-{n:04}" for n in range(50))]}
    runs = [(await ask(quiet, chosen, command="stop_cleaning")).json()["id"] for _ in range(5)]
    monkeypatch.setattr(repository, "MAX_PAGE_CHARS", most)
    sizes: list[int] = []
    listed: list[str] = []
    cursor = ""
    while len(listed) < 4:
        page = await quiet.get("/commands/bulk", params={"cursor": cursor, "limit": 4})
        listed += [run["id"] for run in page["items"]]
        sizes.append(len(page["items"]))
        cursor = page["next_cursor"] or ""
    assert listed == runs[:0:-1]
    assert set(sizes) == {1 if most == 1 else 2}
