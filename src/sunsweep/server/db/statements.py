"""The few statements that differ by database, built by hand: an ORM or executemany costs 3 to 6 times as much a row."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from operator import itemgetter
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Boolean, Float, Integer
from sqlalchemy.ext.asyncio import AsyncConnection

from sunsweep.server.db.models import Base


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
_AS_IT_IS: Final = {"no_parameters": True}
"""Else the driver looks through the whole statement for places to put none in."""


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
                for some in _pieces(part, _texts(table)):
                    result = await connection.exec_driver_sql(f"{head}{some} {tail}", execution_options=_AS_IT_IS)
                    changed += result.rowcount
        return changed


def _pieces(rows: Sequence[Row], texts: Sequence[int]) -> Iterator[str]:
    """As `literals`, in as many pieces as the server takes; a value may be longer than what it came as."""
    written = literals(rows, texts)
    if len(written) <= MAX_STATEMENT_BYTES or len(rows) == 1:
        yield written
        return
    half = len(rows) // 2
    yield from _pieces(rows[:half], texts)
    yield from _pieces(rows[half:], texts)


@cache
def _texts(table: Table) -> tuple[int, ...]:
    """Which of a table's columns hold text or bytes, by their places."""
    columns = Base.metadata.tables[table.name].columns
    numbers = (Integer, Float, Boolean)
    return tuple(at for at, name in enumerate(table.columns) if not isinstance(columns[name].type, numbers))


def literals(rows: Sequence[Row], texts: Iterable[int]) -> str:
    """Rows as MySQL writes them: numbers and NULL as JSON does, a quarter of the cost of the driver's way.

    Text and bytes, in the columns `texts`, go as hexadecimal, in which nothing has to be escaped. Raises TypeError
    where another column has any.
    """
    columns: list[Sequence[Any]] = [*zip(*rows, strict=True)]
    for at in texts:
        columns[at] = [_HEXADECIMAL[type(value)](value) for value in columns[at]]
    written = _encode(list(zip(*columns, strict=True)))
    if b'"' in written:
        raise TypeError("text in a column of numbers")
    return f"({written[2:-2].replace(b'],[', b'),(').decode()})"


_encode: Final = msgspec.json.Encoder().encode
_HEXADECIMAL: Final[dict[type, Callable[[Any], msgspec.Raw | None]]] = {
    type(None): lambda _: None,
    str: lambda text: msgspec.Raw(f"_utf8mb4 x'{text.encode().hex()}'".encode()),
    bytes: lambda data: msgspec.Raw(f"x'{data.hex()}'".encode()),
}
