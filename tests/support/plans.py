"""By which index the database reads what a query asks for."""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sqlalchemy import event

from sunsweep.server.db.engine import Database

Query = Callable[[Any], Awaitable[object]]


async def plan(database: Database, query: Query, table: str = "command") -> list[tuple[str, bool]]:
    """The index by which a table is read, and whether what was read is sorted; of each statement that reads it."""
    said: list[tuple[str, Any]] = []

    def listen(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if "SELECT" in statement:
            said.append((statement, parameters))

    engine = database._engine.sync_engine
    async with database.read() as session:
        connection = await session.connection()
        event.listen(engine, "before_cursor_execute", listen)
        try:
            await query(session)
        finally:
            event.remove(engine, "before_cursor_execute", listen)
        explain = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
        found = []
        for statement, values in said:
            rows = (await connection.exec_driver_sql(f"{explain} {statement}", values)).mappings().all()
            found += _of_sqlite(rows, table) if database.is_sqlite else _of_mariadb(rows, table)
    return found


def _of_sqlite(rows: Sequence[Any], table: str) -> list[tuple[str, bool]]:
    details = [row["detail"] for row in rows]
    is_sorted = any("ORDER BY" in detail for detail in details)
    of_table = [detail for detail in details if detail.split()[1] == table]
    # What begins otherwise reads the whole table.
    words = [re.fullmatch(rf"SEARCH {table} USING (?:COVERING )?INDEX (\S+) .*", detail) for detail in of_table]
    return [(word[1].replace(f"sqlite_autoindex_{table}_1", "PRIMARY") if word else "", is_sorted) for word in words]


def _of_mariadb(rows: Sequence[Any], table: str) -> list[tuple[str, bool]]:
    of_table = [row for row in rows if row["table"] == table]
    by_key = {"const", "eq_ref", "ref", "range"}
    # "ref|filter" is a ref, helped by a second index.
    return [
        (row["key"].partition("|")[0] if row["type"].partition("|")[0] in by_key else "", "filesort" in row["Extra"])
        for row in of_table
    ]
