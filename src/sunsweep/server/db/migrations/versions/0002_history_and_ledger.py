"""Roll-ups, the ledger, caps of dead letters, ingest members, partitions of telemetry."""

import time
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLE: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}
DOCUMENT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
BLOB = sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")
DOUBLE = sa.Float(53).with_variant(mysql.DOUBLE(asdecimal=False), "mysql", "mariadb")
MEASURED = ("battery", "solar_v", "solar_a", "water")
HOUR_MS = 3_600_000


def identifier(length: int) -> TypeEngine[str]:
    """A case-sensitive ASCII name."""
    return sa.String(length).with_variant(
        mysql.VARCHAR(length, charset="ascii", collation="ascii_bin"), "mysql", "mariadb"
    )


def number(name: str, *, nullable: bool = False, zero: bool = False) -> sa.Column[int]:
    return sa.Column(
        name, sa.BigInteger(), autoincrement=False, nullable=nullable, server_default="0" if zero else None
    )


def keyed(name: str, key: tuple[str, ...], *columns: sa.Column[Any]) -> None:
    """A table of numbers under a key of numbers."""
    op.create_table(
        name,
        *(number(column) for column in key),
        *columns,
        sa.PrimaryKeyConstraint(*key),
        **TABLE,
        sqlite_with_rowid=False,
    )


def figures(field: str) -> list[sa.Column[Any]]:
    """What a roll-up says of a measured field."""
    return [
        number(f"{field}_count"),
        *(sa.Column(f"{field}_{word}", DOUBLE, nullable=True) for word in ("min", "max", "mean")),
    ]


def first_hour(this_hour: int) -> int:
    """The hour of the oldest row: of what is there already nothing has been counted."""
    clocks = {"telemetry": "ts", "status_event": "ts", "command_result": "ts", "dead_letter": "received_at"}
    oldest = [
        op.get_bind().execute(sa.text(f"SELECT MIN({at}) FROM {table} WHERE {at} < {this_hour}")).scalar()
        for table, at in clocks.items()
    ]
    return min(instant // HOUR_MS * HOUR_MS for instant in (this_hour, *oldest) if instant is not None)


def upgrade() -> None:
    op.create_table(
        "platform_state",
        sa.Column("name", identifier(32), primary_key=True),
        number("value"),
        **TABLE,
    )
    this_hour = time.time_ns() // 1_000_000 // HOUR_MS * HOUR_MS
    for name, value in (("closed_until", this_hour), ("rolled_until", first_hour(this_hour)), ("ingest_members", 1)):
        op.execute(f"INSERT INTO platform_state (name, value) VALUES ('{name}', {value})")
    keyed("dirty_hour", ("machine_id", "hour"))
    for name in ("telemetry_hour", "telemetry_day"):
        keyed(
            name,
            ("machine_id", "start"),
            number("count"),
            *(column for field in MEASURED for column in figures(field)),
            sa.Column("extra", DOCUMENT, nullable=True),
        )
    keyed(
        "ledger_day",
        ("machine_id", "boot", "day"),
        number("count"),
        sa.Column("stored", DOCUMENT, nullable=False),
        sa.Column("rejected", DOCUMENT, nullable=False),
    )
    op.create_index("ix_ledger_day_machine_id_day", "ledger_day", ["machine_id", "day"])
    keyed("ledger_loss", ("machine_id", "boot", "first_seq", "last_seq"))
    keyed("ledger_end", ("machine_id", "boot"), number("last_seq"))
    keyed(
        "ledger_boot",
        ("machine_id", "boot"),
        *(number(name) for name in ("last_seq", "stored", "rejected", "given_up", "missing", "counted_at")),
    )
    keyed("dead_letter_day", ("machine_id", "day"), number("refused"), number("kept"))
    with op.batch_alter_table("dead_letter") as table:
        table.alter_column("payload", existing_type=BLOB, nullable=True)
        table.add_column(number("boot", nullable=True))
        table.add_column(number("seq", nullable=True))
        table.add_column(number("replay_at", nullable=True))
    op.create_index("ix_dead_letter_machine_id_received_at", "dead_letter", ["machine_id", "received_at"])
    op.create_index("ix_dead_letter_replay_at", "dead_letter", ["replay_at"])
    for name, column in (("lease", "since"), ("machine_status", "seen_at"), ("company", "raw_since")):
        op.add_column(name, number(column, zero=True))
    if op.get_bind().dialect.name != "sqlite":
        # The jobs split it into weeks.
        op.execute("ALTER TABLE telemetry PARTITION BY RANGE (ts) (PARTITION p_open VALUES LESS THAN MAXVALUE)")


def downgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        op.execute("ALTER TABLE telemetry REMOVE PARTITIONING")
    for name, column in (("company", "raw_since"), ("machine_status", "seen_at"), ("lease", "since")):
        with op.batch_alter_table(name) as table:
            table.drop_column(column)
    op.drop_index("ix_dead_letter_replay_at", "dead_letter")
    op.drop_index("ix_dead_letter_machine_id_received_at", "dead_letter")
    op.execute("UPDATE dead_letter SET payload = '' WHERE payload IS NULL")
    with op.batch_alter_table("dead_letter") as table:
        for column in ("replay_at", "seq", "boot"):
            table.drop_column(column)
        table.alter_column("payload", existing_type=BLOB, nullable=False)
    for name in (
        "dead_letter_day", "ledger_boot", "ledger_end", "ledger_loss", "ledger_day",
        "telemetry_day", "telemetry_hour", "dirty_hour", "platform_state",
    ):  # fmt: skip
        op.drop_table(name)
