"""What is written by hand must come back as it was, on both databases."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import DeadLetter, TelemetryRow
from sunsweep.server.db.statements import Row, Statements, literals
from sunsweep.server.ingest.rows import DEAD_LETTERS, TELEMETRY

MAX = 2**63 - 1
NASTY = ("", "'", '"', "\\", "\\'", "],[", "),(", "x'00'", "%s %% {}", ":name", "null", "\n\r\t\0\x1a", "ä€🌞", "'; --")


async def test_text_and_bytes_of_any_kind(database: Database) -> None:
    letters: list[Row] = [
        (None, None, word, word.encode() + bytes(range(256)), 1, None, None, "not_json", word, number)
        for number, word in enumerate(NASTY)
    ]
    async with database.transaction() as connection:
        statements = Statements(is_sqlite=database.is_sqlite)
        assert await statements.insert_new(connection, DEAD_LETTERS, letters) == len(letters)
    table = DeadLetter
    query = select(table.topic, table.payload, table.detail).order_by(table.received_at)
    async with database.read() as session:
        found = [tuple(row) for row in await session.execute(query)]
    assert found == [(word, word.encode() + bytes(range(256)), word) for word in NASTY]


async def test_numbers_to_their_ends(database: Database) -> None:
    floats = (0.0, -0.0, 1e-300, -1.7976931348623157e308, 5e-324, 0.1, 1e16, 123456789.123456789, None)
    samples: list[Row] = [
        (MAX - at, -MAX + at, MAX, at, value, 1, None, 80.5, None, at % 2, MAX) for at, value in enumerate(floats)
    ]
    async with database.transaction() as connection:
        statements = Statements(is_sqlite=database.is_sqlite)
        assert await statements.insert_new(connection, TELEMETRY, samples) == len(samples)
        assert await statements.insert_new(connection, TELEMETRY, samples) == 0
    async with database.read() as session:
        found = await session.execute(select(*TelemetryRow.__table__.columns).order_by(TelemetryRow.seq))
    assert [tuple(row) for row in found] == samples


@given(st.lists(st.tuples(st.integers(-MAX, MAX), st.text(), st.binary()), min_size=1))
def test_no_text_can_end_a_row(rows: list[tuple[int, str, bytes]]) -> None:
    written = literals(rows, (1, 2))
    assert written == ",".join(f"({n},_utf8mb4 x'{text.encode().hex()}',x'{data.hex()}')" for n, text, data in rows)


@pytest.mark.parametrize("value", ["1", b"1"])
def test_text_among_numbers_is_never_written(value: object) -> None:
    with pytest.raises(TypeError, match="numbers"):
        literals([(1, None), (2, value)], ())
