"""Stops that hold, commands sent again, companies' own commands, one command for many machines."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLE: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
RANKS = {"emergency_stop": 3, "stop_cleaning": 2, "return_to_dock": 1}


def identifier(length: int) -> TypeEngine[str]:
    """A case-sensitive ASCII name."""
    return sa.String(length).with_variant(
        mysql.VARCHAR(length, charset="ascii", collation="ascii_bin"), "mysql", "mariadb"
    )


def upgrade() -> None:
    op.add_column("company", sa.Column("command_life_s", sa.Integer(), nullable=True))
    op.add_column("company", sa.Column("custom_commands", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("command", sa.Column("company_id", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("command", sa.Column("sends", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("command", sa.Column("holds", sa.SmallInteger(), nullable=False, server_default="0"))
    op.create_index("ix_command_holds_machine_id", "command", ["holds", "machine_id"])
    op.create_index("ix_command_issued_by_issued_at", "command", ["issued_by", "issued_at"])
    op.create_index("ix_command_issued_by_key_issued_at", "command", ["issued_by_key", "issued_at"])
    op.create_index("ix_command_machine_id_command_id", "command", ["machine_id", "command", "id"])
    columns = ("company_id", "machine_id", "command", "state", "sends", "holds", "sent_at")
    command, machine = (
        sa.table("command", *map(sa.column, columns)),
        sa.table("machine", sa.column("id"), sa.column("company_id")),
    )
    owner = sa.select(machine.c.company_id).where(machine.c.id == command.c.machine_id).scalar_subquery()
    op.execute(command.update().values(company_id=owner))
    op.create_index("ix_command_company_id_id", "command", ["company_id", "id"])
    # What was sent by an earlier version and never confirmed is history; what still waits is open.
    for name, rank in RANKS.items():
        waits = command.c.state.in_(("queued", "sent", "accepted", "running"))
        op.execute(command.update().where(command.c.command == name, waits).values(holds=rank))
    op.execute(command.update().where(command.c.sent_at.is_not(None)).values(sends=1))
    op.create_table(
        "machine_model",
        sa.Column("id", ID, nullable=False),
        sa.Column("company_id", ID, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("commands", DOCUMENT, nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name="fk_machine_model_company_id"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("company_id", "name", name="uq_machine_model_company_id_name"),
        **TABLE,
    )
    op.create_table(
        "bulk_run",
        sa.Column("id", identifier(36), nullable=False),
        sa.Column("company_id", ID, nullable=False),
        sa.Column("command", identifier(64), nullable=False),
        sa.Column("params", DOCUMENT, nullable=False),
        sa.Column("expires_in_s", sa.Integer(), nullable=True),
        sa.Column("selection", DOCUMENT, nullable=False),
        sa.Column("stage_size", sa.Integer(), nullable=False),
        sa.Column("abort_after", sa.Integer(), nullable=True),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("state", identifier(12), nullable=False),
        sa.Column("reason", sa.String(255), nullable=False),
        sa.Column("issued_by", ID, nullable=True),
        sa.Column("issued_by_key", sa.BigInteger(), nullable=True),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name="fk_bulk_run_company_id"),
        sa.ForeignKeyConstraint(["issued_by"], ["user_account.id"], name="fk_bulk_run_issued_by"),
        sa.PrimaryKeyConstraint("id"),
        **TABLE,
    )
    op.create_index("ix_bulk_run_company_id_id", "bulk_run", ["company_id", "id"])
    op.create_index("ix_bulk_run_state", "bulk_run", ["state"])
    op.create_index("ix_bulk_run_issued_by_issued_at", "bulk_run", ["issued_by", "issued_at"])
    op.create_index("ix_bulk_run_issued_by_key_issued_at", "bulk_run", ["issued_by_key", "issued_at"])
    op.create_table(
        "bulk_target",
        sa.Column("bulk_id", identifier(36), nullable=False),
        sa.Column("machine_id", ID, nullable=False, autoincrement=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("command_id", identifier(36), nullable=True),
        sa.Column("refused", sa.String(255), nullable=False),
        sa.ForeignKeyConstraint(["bulk_id"], ["bulk_run.id"], name="fk_bulk_target_bulk_id"),
        sa.ForeignKeyConstraint(["machine_id"], ["machine.id"], name="fk_bulk_target_machine_id"),
        sa.ForeignKeyConstraint(["command_id"], ["command.id"], name="fk_bulk_target_command_id"),
        sa.PrimaryKeyConstraint("bulk_id", "machine_id"),
        **TABLE,
    )
    op.create_index("ix_bulk_target_bulk_id_stage", "bulk_target", ["bulk_id", "stage"])
    op.create_index("ix_bulk_target_command_id", "bulk_target", ["command_id"])
