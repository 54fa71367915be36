"""The log itself: what it keeps on every database, what bounds it, and that nothing in it is ever changed."""

import ast
import asyncio
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import CursorResult, delete, func, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

import sunsweep
from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.db.models import AuditEntry
from sunsweep.server.features.audit import repository, service
from sunsweep.server.features.audit.actions import Action, Outcome
from sunsweep.server.features.audit.actors import Actor, Kind, nobody
from sunsweep.server.features.audit.bound import WINDOW_MS, Bound, Refusal
from sunsweep.server.features.audit.refusals import Refusals
from sunsweep.server.features.audit.repository import Selection

SOURCE = Path(sunsweep.__file__).parent
SECURITY = Path(__file__).parents[2] / "docs" / "audit.md"
ANNA = Actor(Kind.USER, 7, "anna@example.com", "192.0.2.1")
BERT = Actor(Kind.USER, 8, "bert@example.com", "2001:db8::1")


async def add(session: AsyncSession, number: int, actor: Actor = ANNA, **more: Any) -> None:
    given: dict[str, Any] = {"company_id": 1, "now_ms": number * 1000} | more
    await service.record(session, actor, Action.MACHINE_CHANGE, f"machine M-{number}", **given)


async def found(database: Database, company_id: int | None = 1, **more: Any) -> list[str]:
    async with database.read() as session:
        rows = await repository.page(session, Selection(company_id, **more), before=None, limit=100)
    return [row.object.removeprefix("machine ") for row in rows]


async def plain(connection: AsyncConnection, statement: str) -> CursorResult[Any]:
    return await connection.exec_driver_sql(statement.replace("%", "%%"))


def refusal(actor: Actor = ANNA, company_id: int | None = 1) -> Refusal:
    return Refusal(actor, Action.MACHINE_ADD, "machine M-1", company_id, 403, "forbidden")


async def test_entries_come_the_newest_first_and_by_what_is_asked(database: Database) -> None:
    async with database.write() as session:
        await add(session, 1)
        await add(session, 2, BERT, outcome=Outcome.REFUSED)
        await add(session, 3, company_id=2)
        await add(session, 4, nobody("192.0.2.9"), company_id=None)
        await service.record(session, ANNA, Action.LOGIN, "user anna@example.com", company_id=1, now_ms=5000)
    assert await found(database) == ["user anna@example.com", "M-2", "M-1"]
    assert await found(database, 2) == ["M-3"]
    assert await found(database, None) == ["M-4"]
    assert await found(database, actor=BERT.name) == ["M-2"]
    assert await found(database, action="login") == ["user anna@example.com"]
    assert await found(database, what="machine M-1") == ["M-1"]
    assert await found(database, outcome="refused") == ["M-2"]
    assert await found(database, from_ms=2000, to_ms=5000) == ["M-2"]
    async with database.read() as session:
        first = await repository.page(session, Selection(1), before=None, limit=2)
        rest = await repository.page(session, Selection(1), before=first[-1].id, limit=2)
    assert [row.at for row in (*first, *rest)] == [5000, 2000, 1000]


async def test_strangers_words_are_kept_as_far_as_they_can_be(database: Database) -> None:
    odd = Actor(Kind.NOBODY, None, "\ud800 Zoë ☀ " + "x" * 300, "fe80::1%ñ" + "9" * 99)
    async with database.write() as session:
        await add(session, 1, odd, detail={"note": "y" * 40_000})
        await add(session, 2, odd, detail={"name": ["alt", "Zeile ☀"]})
    async with database.read() as session:
        late, early = await repository.page(session, Selection(1), before=None, limit=9)
    assert (late.actor[:9], len(late.actor), late.address[:10], len(late.address)) == (
        "? Zoë ☀ x",
        254,
        "fe80::1%?9",
        64,
    )
    assert json.loads(late.detail) == {"name": ["alt", "Zeile ☀"]}
    assert json.loads(early.detail) == {"bytes": 40_011}


async def test_a_change_that_is_rolled_back_leaves_no_entry(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    await upgrade(database)
    with suppress(LookupError):
        async with database.write() as session:
            await add(session, 1)
            raise LookupError
    assert await found(database) == []
    await database.close()


def test_an_actor_s_refusals_are_written_up_to_a_bound_and_then_counted() -> None:
    bound = Bound(per_actor=2)
    assert [bound.admits(refusal(), now_ms=at) for at in (0, 10, 20, 30)] == [True, True, False, False]
    assert bound.admits(refusal(BERT), now_ms=40)
    assert list(bound.over(now_ms=WINDOW_MS - 1)) == []
    (left_out,) = bound.over(now_ms=WINDOW_MS)
    assert (left_out.actor, left_out.company_id, left_out.count, left_out.since_ms) == (ANNA, 1, 2, 0)
    assert bound.admits(refusal(), now_ms=WINDOW_MS)


def test_strangers_share_one_bound_however_many_addresses_they_have() -> None:
    bound = Bound(per_actor=2, strangers=5)
    one = [bound.admits(refusal(nobody("192.0.2.1"), None), now_ms=0) for _ in range(4)]
    assert one == [True, True, False, False]
    many = [bound.admits(refusal(nobody(f"198.51.100.{n}"), None), now_ms=0) for n in range(100)]
    assert many.count(True) == 3
    assert bound.admits(refusal(), now_ms=0), "who is logged in has a share of their own"
    told = {left_out.actor.address: left_out.count for left_out in bound.over(now_ms=None)}
    assert told == {"192.0.2.1": 2, "many addresses": 97}


def test_all_addresses_of_one_network_are_one_stranger() -> None:
    bound = Bound(per_actor=2)
    answers = [bound.admits(refusal(nobody(f"2001:db8::{n}"), None), now_ms=0) for n in range(4)]
    assert answers == [True, True, False, False]


async def test_a_flood_of_refusals_is_a_bounded_number_of_entries_and_one_that_counts_the_rest(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    await upgrade(database)
    refusals = Refusals(Bound(per_actor=3))
    for _ in range(10):
        await refusals.record(database, refusal(), now_ms=1000)
    # The process ends before the minute does.
    running = asyncio.create_task(refusals.run(database, lambda: 31_000))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    async with database.read() as session:
        rows = await repository.page(session, Selection(1), before=None, limit=100)
    assert [(row.action, row.outcome) for row in rows] == [("refusals.left_out", "refused")] + [
        ("machine.add", "refused")
    ] * 3
    assert json.loads(rows[0].detail) == {"left_out": 7, "seconds": 30}
    await database.close()


async def test_a_database_that_is_away_keeps_nobody_from_being_refused(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'nowhere' / 'x.db'}")
    await Refusals().record(database, refusal(), now_ms=0)
    await database.close()


def test_nothing_but_the_audit_feature_knows_the_table_and_its_repository_only_adds_and_reads() -> None:
    knows = {"server/db/models.py", "server/db/tenancy.py"} | {
        f"server/features/audit/{name}.py" for name in ("endpoints", "repository", "service")
    }
    named = set()
    for path in SOURCE.rglob("*.py"):
        words = path.read_text()
        place = path.relative_to(SOURCE).as_posix()
        if re.search(r"\bAuditEntry\b|\baudit_entry\b", words) and "/migrations/" not in place:
            named.add(place)
    assert named == knows
    for place in knows - {"server/db/models.py", "server/db/tenancy.py"}:
        tree = ast.parse((SOURCE / place).read_text())
        imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for name in node.names}
        called = {
            node.func.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }
        assert not imported & {"update", "delete", "text", "insert", "merge"}, place
        assert not called & {"delete", "merge", "execute", "setattr"}, place


async def test_the_grants_of_the_manual_have_the_database_refuse_a_change(mariadb_url: str) -> None:
    owner = Database(mariadb_url)
    await upgrade(owner)
    where = make_url(mariadb_url)
    (query,) = re.findall(r"```sql\n(SELECT.*?)```", SECURITY.read_text(), re.DOTALL)
    name = f"app_{where.database}"
    try:
        async with owner.outside_transactions() as connection:
            await plain(connection, f"CREATE USER '{name}'@'%' IDENTIFIED BY 'only-for-tests'")
            asked = query.replace("QUOTE('sunsweep')", f"QUOTE('{name}')").replace(
                "= 'sunsweep'", f"= '{where.database}'"
            )
            grants = (await plain(connection, asked)).scalars().all()
            assert len(grants) > 20
            for grant in grants:
                await plain(connection, grant)
        app = Database(where.set(username=name, password="only-for-tests").render_as_string(hide_password=False))
        try:
            async with app.write() as session:
                await add(session, 1)
            for change in (update(AuditEntry).values(at=1), delete(AuditEntry)):
                with pytest.raises(DBAPIError, match="denied"):
                    async with app.write() as session:
                        await session.execute(change)
            async with app.read() as session:
                assert await session.scalar(select(func.count()).select_from(AuditEntry)) == 1
        finally:
            await app.close()
    finally:
        async with owner.outside_transactions() as connection:
            await plain(connection, f"DROP USER IF EXISTS '{name}'@'%'")
        await owner.close()
