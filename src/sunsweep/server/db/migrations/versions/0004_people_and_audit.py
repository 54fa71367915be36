"""Logins that are renewed, limited and reset; API keys; the audit log; broker sessions to be ended."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLE: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")


def identifier(length: int) -> TypeEngine[str]:
    """A case-sensitive ASCII name."""
    return sa.String(length).with_variant(
        mysql.VARCHAR(length, charset="ascii", collation="ascii_bin"), "mysql", "mariadb"
    )


def instant(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "refresh_token",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("family", identifier(32), nullable=False),
        sa.Column("token_hash", identifier(64), nullable=False),
        instant("issued_at"),
        instant("expires_at"),
        instant("used_at", nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name="fk_refresh_token_user_id"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_hash", name="uq_refresh_token_token_hash"),
        **TABLE,
    )
    op.create_index("ix_refresh_token_user_id", "refresh_token", ["user_id"])
    op.create_index("ix_refresh_token_family", "refresh_token", ["family"])
    op.create_table(
        "password_reset",
        sa.Column("token_hash", identifier(64), nullable=False),
        sa.Column("user_id", ID, nullable=False),
        instant("expires_at"),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name="fk_password_reset_user_id"),
        sa.PrimaryKeyConstraint("token_hash"),
        **TABLE,
    )
    op.create_index("ix_password_reset_user_id", "password_reset", ["user_id"])
    op.create_table(
        "failed_login",
        sa.Column("who_hash", identifier(64), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        instant("last_at"),
        instant("blocked_until"),
        sa.PrimaryKeyConstraint("who_hash"),
        **TABLE,
    )
    op.create_table(
        "api_key",
        sa.Column("id", ID, nullable=False),
        sa.Column("company_id", ID, nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("role", identifier(20), nullable=False),
        sa.Column("key_hash", identifier(64), nullable=False),
        sa.Column("created_by", ID, nullable=False),
        instant("created_at"),
        instant("expires_at"),
        instant("used_at", nullable=True),
        instant("revoked_at", nullable=True),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name="fk_api_key_company_id"),
        sa.ForeignKeyConstraint(["created_by"], ["user_account.id"], name="fk_api_key_created_by"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key_hash", name="uq_api_key_key_hash"),
        **TABLE,
    )
    op.create_index("ix_api_key_company_id", "api_key", ["company_id"])
    op.create_table(
        "audit_entry",
        sa.Column("id", ID, nullable=False),
        instant("at"),
        sa.Column("company_id", sa.BigInteger(), nullable=True),
        sa.Column("actor_kind", identifier(16), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("actor", sa.String(254), nullable=False),
        sa.Column("address", identifier(64), nullable=False),
        sa.Column("action", identifier(64), nullable=False),
        sa.Column("object", sa.String(254), nullable=False),
        sa.Column("outcome", identifier(10), nullable=False),
        sa.Column("detail", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        **TABLE,
    )
    op.create_index("ix_audit_entry_company_id_id", "audit_entry", ["company_id", "id"])
    op.create_table(
        "login_to_kick",
        sa.Column("username", identifier(64), nullable=False),
        instant("asked_at"),
        sa.PrimaryKeyConstraint("username"),
        **TABLE,
    )
    op.create_table(
        "topics_to_clear",
        sa.Column("machine_id", ID, autoincrement=False, nullable=False),
        instant("asked_at"),
        sa.ForeignKeyConstraint(["machine_id"], ["machine.id"], name="fk_topics_to_clear_machine_id"),
        sa.PrimaryKeyConstraint("machine_id"),
        **TABLE,
    )
    op.add_column("machine_credential", sa.Column("first_used_at", sa.BigInteger(), nullable=True))
    op.add_column("command", sa.Column("issued_by_key", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("command", "issued_by_key")
    op.drop_column("machine_credential", "first_used_at")
    for table in (
        "topics_to_clear",
        "login_to_kick",
        "audit_entry",
        "api_key",
        "failed_login",
        "password_reset",
        "refresh_token",
    ):
        op.drop_table(table)
