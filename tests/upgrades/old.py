"""Databases as earlier versions left them: their schema, and rows in the statements that they could have sent."""

from functools import partial
from pathlib import Path
from typing import Any

from alembic import command
from sqlalchemy import Connection, inspect, text

from sunsweep.server.clock import wall_clock
from sunsweep.server.db import migrate
from sunsweep.server.db.engine import Database

ROWS = Path(__file__).with_name("rows")
SCHEMAS = migrate.revisions()
PASSWORD = "correct horse"
PASSWORD_HASH = "$argon2id$v=19$m=8,t=1,p=1$cyZ5Nz9kY/e6ChWFay3COw$Tm/HYQ8HGPHiGAEoFYy2YwQkNYdqM3QtPgf84RK30X8"
MQTT_PASSWORD = "of-then-of-then-of-then"
MQTT_SALT = "saltofthen12"
MQTT_HASH = (
    "8a69c2354b6e7071e014352e24d397179742d91c005325ddee244f2cd11d8f8f"
    "579fa8007c51c46a004b1aacd1dea82f3de3821cc95386e54f27dbf83ee0c5c8"
)

Content = dict[str, list[dict[str, Any]]]
"""By table, its rows."""
Shape = dict[str, dict[str, tuple[str, bool, bool]]]
"""By table and column: its type, whether it may be null, whether an INSERT may leave it out."""


def upgrade_to(connection: Connection, schema: str) -> None:
    command.upgrade(migrate._config(connection), schema)


async def begin_at(database: Database, schema: str) -> None:
    await database.run_sync(partial(upgrade_to, schema=schema))


def written_by(schema: str) -> list[str]:
    """What the program of a schema writes: all that came up to it."""
    files = [ROWS / f"{known}.sql" for known in SCHEMAS[: SCHEMAS.index(schema) + 1]]
    return [line for file in files for line in file.read_text().splitlines() if line and not line.startswith("--")]


async def write_as(database: Database, schema: str, *, number: int) -> None:
    """Everything that the program of a schema writes; `number` keeps two times apart."""
    words = {
        "n": number,
        "now": wall_clock(),
        "password_hash": PASSWORD_HASH,
        "mqtt_hash": MQTT_HASH,
        "mqtt_salt": MQTT_SALT,
    }
    async with database.write() as session:
        connection = await session.connection()
        for statement in written_by(schema):
            await connection.exec_driver_sql(statement.format(**words))


async def content(database: Database) -> Content:
    """Every row of every table."""
    found: Content = {}

    def read(connection: Connection) -> None:
        for table in sorted(inspect(connection).get_table_names()):
            rows = connection.execute(text(f"SELECT * FROM {table}")).mappings().all()
            found[table] = [dict(row) for row in rows]

    await database.run_sync(read)
    return found


def shape(connection: Connection) -> Shape:
    inspector = inspect(connection)
    return {
        table: {
            column["name"]: (
                str(column["type"]),
                bool(column["nullable"]),
                bool(column["nullable"]) or column["default"] is not None or bool(column.get("autoincrement") is True),
            )
            for column in inspector.get_columns(table)
        }
        for table in inspector.get_table_names()
    }
