"""The few statements that differ by database, built by hand: an ORM or executemany costs 3 to 6 times as much a row."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection


class Table(NamedTuple):
    """A table as the ingest writes it: `key` columns first among `columns`."""

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]


Row = tuple[Any, ...]

HISTORY_KEY: Final = ("machine_id", "ts", "boot", "seq")
MAX_PARAMETERS: Final = 30_000
"""Of one statement; SQLite takes 32,766."""
MAX_STATEMENT_BYTES: Final = 8 * 2**20
"""A longer one is split: MariaDB takes 16 MiB at once."""


class Statements:
    """Multi-row statements in the database's own dialect."""

    def __init__(self, *, is_sqlite: bool) -> None:
        self._sqlite = is_sqlite

    async def insert_new(self, connection: AsyncConnection, table: Table, rows: Sequence[Row]) -> int:
        """Insert rows sorted by key and tell how many were new; every real error is raised.

        Those whose key is there already are passed over; they count as new on a connection that counts found rows.
        """
        if rows:
            first = table.key[0] if table.key else table.columns[0]
            # Never INSERT IGNORE: it also turns errors in the values into success.
            ignore = (
                "ON CONFLICT DO NOTHING" if self._sqlite else f"ON DUPLICATE KEY UPDATE {first}={table.name}.{first}"
            )
            return await self._run(connection, table, rows, ignore)
        return 0

    async def upsert(self, connection: AsyncConnection, table: Table, rows: Sequence[Row]) -> None:
        """Insert or replace rows, sorted by key."""
        if rows:
            rest = [column for column in table.columns if column not in table.key]
            if self._sqlite:
                change = f"ON CONFLICT({','.join(table.key)}) DO UPDATE SET " + ",".join(
                    f"{c}=excluded.{c}" for c in rest
                )
            else:
                change = "ON DUPLICATE KEY UPDATE " + ",".join(f"{c}=VALUES({c})" for c in rest)
            await self._run(connection, table, rows, change)

    async def add(self, connection: AsyncConnection, table: Table, rows: Sequence[Row]) -> None:
        """Insert rows, or add their numbers to those of the row that is there, sorted by key."""
        if rows:
            rest = [column for column in table.columns if column not in table.key]
            new = "excluded.{0}" if self._sqlite else "VALUES({0})"
            head = f"ON CONFLICT({','.join(table.key)}) DO UPDATE SET " if self._sqlite else "ON DUPLICATE KEY UPDATE "
            sums = [f"{column}={table.name}.{column}+{new.format(column)}" for column in rest]
            await self._run(connection, table, rows, head + ",".join(sums))

    async def _run(self, connection: AsyncConnection, table: Table, rows: Sequence[Row], tail: str) -> int:
        # Two workers that write in another order than the key's deadlock.
        ordered = sorted(rows, key=itemgetter(slice(len(table.key))))
        head = f"INSERT INTO {table.name} ({','.join(table.columns)}) VALUES "  # noqa: S608  names of ours
        at_once = MAX_PARAMETERS // len(table.columns)
        changed = 0
        for start in range(0, len(ordered), at_once):
            part = ordered[start : start + at_once]
            if self._sqlite:
                marks = "(" + ",".join("?" * len(table.columns)) + ")"
                values, parameters = ",".join([marks] * len(part)), tuple(chain.from_iterable(part))
                changed += (await connection.exec_driver_sql(f"{head}{values} {tail}", parameters)).rowcount
            else:
                for some in pieces(part):
                    changed += (await connection.exec_driver_sql(f"{head}{some} {tail}")).rowcount
        return changed


def pieces(rows: Sequence[Row]) -> Iterator[str]:
    """As `literals`, in as many pieces as the server takes; a value may be longer than what it came as."""
    written = literals(rows)
    if len(written) <= MAX_STATEMENT_BYTES or len(rows) == 1:
        yield written
        return
    half = len(rows) // 2
    yield from pieces(rows[:half])
    yield from pieces(rows[half:])


def literals(rows: Sequence[Row]) -> str:
    """Rows as MySQL writes them, column by column: half the cost of the driver's way of value by value.

    Text and bytes go as hexadecimal, in which nothing has to be escaped.
    """
    columns = [_written(column) for column in zip(*rows, strict=True)]
    return "(" + "),(".join(map(",".join, zip(*columns, strict=True))) + ")"


def _written(column: tuple[Any, ...]) -> Iterable[str]:
    kinds = set(map(type, column))
    if kinds in ({int}, {float}):
        return map(repr, column)
    return [_LITERAL[type(value)](value) for value in column]


_LITERAL: Final[dict[type, Callable[[Any], str]]] = {
    int: repr,
    float: repr,
    bool: lambda value: "1" if value else "0",
    type(None): lambda _: "NULL",
    str: lambda text: f"_utf8mb4 x'{text.encode().hex()}'",
    bytes: lambda data: f"x'{data.hex()}'",
}
