"""The first schema: companies, people, machines, their logins, history and commands."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLE: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
BLOB = sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")
DOUBLE = sa.Float(53).with_variant(mysql.DOUBLE(asdecimal=False), "mysql", "mariadb")

LIVING = """
    FROM machine_credential c JOIN machine m ON m.id = c.machine_id
    WHERE c.revoked_at IS NULL AND m.enabled = 1 AND m.archived_at IS NULL
"""

MQTT_USER = f"""
CREATE VIEW mqtt_user AS
    SELECT c.username AS username, c.password_hash AS password_hash, c.salt AS salt, 0 AS is_superuser
    {LIVING}
    UNION ALL
    SELECT username, password_hash, salt, 0 FROM service_account
"""

MQTT_ACL = """
CREATE VIEW mqtt_acl AS
    SELECT c.username AS username, 'allow' AS permission, 'all' AS action, {rule} AS topic
    {living}
    UNION ALL
    SELECT username, 'allow', action, topic FROM service_rule
"""

RULE = {
    "sqlite": "'company/' || m.company_id || '/machine/' || m.serial || '/#'",
    "mysql": "CONCAT('company/', m.company_id, '/machine/', m.serial, '/#')",
}


def identifier(length: int) -> TypeEngine[str]:
    """A case-sensitive ASCII name."""
    return sa.String(length).with_variant(
        mysql.VARCHAR(length, charset="ascii", collation="ascii_bin"), "mysql", "mariadb"
    )


def upgrade() -> None:
    op.create_table(
        "broker_sync",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("wanted", sa.BigInteger(), nullable=False),
        sa.Column("applied", sa.BigInteger(), nullable=False),
        sa.Column("runner_seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        **TABLE,
    )
    op.create_table(
        "command_result",
        sa.Column("machine_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ts", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("boot", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("command_id", identifier(36), nullable=False),
        sa.Column("state", identifier(12), nullable=False),
        sa.Column("detail", DOCUMENT, nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("machine_id", "ts", "boot", "seq"),
        **TABLE,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_command_result_command_id", "command_result", ["command_id"])

    op.create_table(
        "company",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("raw_retention_days", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name", name="uq_company_name"),
        **TABLE,
    )
    op.create_table(
        "dead_letter",
        sa.Column("id", ID, nullable=False),
        sa.Column("company_id", sa.BigInteger(), nullable=True),
        sa.Column("machine_id", sa.BigInteger(), nullable=True),
        sa.Column("topic", sa.String(length=512), nullable=False),
        sa.Column("payload", BLOB, nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("reason", identifier(32), nullable=False),
        sa.Column("detail", sa.String(length=255), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        **TABLE,
    )
    op.create_index("ix_dead_letter_company_id_id", "dead_letter", ["company_id", "id"])

    op.create_table(
        "lease",
        sa.Column("name", identifier(64), nullable=False),
        sa.Column("holder", identifier(64), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        **TABLE,
    )
    op.create_table(
        "machine_status",
        sa.Column("machine_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("status", sa.String(length=64), nullable=True),
        sa.Column("energy", DOUBLE, nullable=True),
        sa.Column("run_water", DOUBLE, nullable=True),
        sa.Column("area", DOUBLE, nullable=True),
        sa.Column("status_extra", DOCUMENT, nullable=True),
        sa.Column("status_at", sa.BigInteger(), nullable=True),
        sa.Column("battery", DOUBLE, nullable=True),
        sa.Column("solar_v", DOUBLE, nullable=True),
        sa.Column("solar_a", DOUBLE, nullable=True),
        sa.Column("water", DOUBLE, nullable=True),
        sa.Column("telemetry_extra", DOCUMENT, nullable=True),
        sa.Column("telemetry_at", sa.BigInteger(), nullable=True),
        sa.Column("presence", identifier(10), nullable=False),
        sa.Column("presence_since", sa.BigInteger(), nullable=False),
        sa.Column("presence_cause", identifier(20), nullable=False),
        sa.Column("heard_at", sa.BigInteger(), nullable=False),
        sa.Column("session_boot", sa.BigInteger(), nullable=True),
        sa.Column("session_n", sa.BigInteger(), nullable=True),
        sa.Column("in_session", sa.Boolean(), nullable=False),
        sa.Column("past_boots", DOCUMENT, nullable=False),
        sa.Column("software", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("machine_id"),
        **TABLE,
    )
    op.create_table(
        "service_account",
        sa.Column("username", identifier(64), nullable=False),
        sa.Column("password_hash", identifier(128), nullable=False),
        sa.Column("salt", identifier(32), nullable=False),
        sa.PrimaryKeyConstraint("username"),
        **TABLE,
    )
    op.create_table(
        "status_event",
        sa.Column("machine_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ts", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("boot", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("status", sa.String(length=64), nullable=True),
        sa.Column("energy", DOUBLE, nullable=True),
        sa.Column("water", DOUBLE, nullable=True),
        sa.Column("area", DOUBLE, nullable=True),
        sa.Column("extra", DOCUMENT, nullable=True),
        sa.Column("flags", sa.SmallInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("machine_id", "ts", "boot", "seq"),
        **TABLE,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "telemetry",
        sa.Column("machine_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ts", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("boot", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("battery", DOUBLE, nullable=True),
        sa.Column("solar_v", DOUBLE, nullable=True),
        sa.Column("solar_a", DOUBLE, nullable=True),
        sa.Column("water", DOUBLE, nullable=True),
        sa.Column("extra", DOCUMENT, nullable=True),
        sa.Column("flags", sa.SmallInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("machine_id", "ts", "boot", "seq"),
        **TABLE,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "machine",
        sa.Column("id", ID, nullable=False),
        sa.Column("company_id", ID, nullable=False),
        sa.Column("serial", identifier(64), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("tags", DOCUMENT, nullable=False),
        sa.Column("lat", DOUBLE, nullable=True),
        sa.Column("lon", DOUBLE, nullable=True),
        sa.Column("expected_interval_s", sa.Integer(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("archived_at", sa.BigInteger(), nullable=True),
        sa.Column("archived_key", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name="fk_machine_company_id"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("company_id", "serial", "archived_key", name="uq_machine_company_id_serial_archived_key"),
        **TABLE,
    )
    op.create_table(
        "service_rule",
        sa.Column("username", identifier(64), nullable=False),
        sa.Column("action", identifier(9), nullable=False),
        sa.Column("topic", identifier(255), nullable=False),
        sa.ForeignKeyConstraint(["username"], ["service_account.username"], name="fk_service_rule_username"),
        sa.PrimaryKeyConstraint("username", "action", "topic"),
        **TABLE,
    )
    op.create_table(
        "user_account",
        sa.Column("id", ID, nullable=False),
        sa.Column("company_id", ID, nullable=True),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("role", identifier(20), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("token_version", sa.Integer(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name="fk_user_account_company_id"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("email", name="uq_user_account_email"),
        **TABLE,
    )
    op.create_index("ix_user_account_company_id", "user_account", ["company_id"])

    op.create_table(
        "command",
        sa.Column("id", identifier(36), nullable=False),
        sa.Column("machine_id", ID, nullable=False),
        sa.Column("command", identifier(64), nullable=False),
        sa.Column("params", DOCUMENT, nullable=False),
        sa.Column("state", identifier(12), nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.Column("issued_by", ID, nullable=True),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("idempotency_key", identifier(64), nullable=True),
        sa.ForeignKeyConstraint(["issued_by"], ["user_account.id"], name="fk_command_issued_by"),
        sa.ForeignKeyConstraint(["machine_id"], ["machine.id"], name="fk_command_machine_id"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("machine_id", "idempotency_key", name="uq_command_machine_id_idempotency_key"),
        **TABLE,
    )
    op.create_index("ix_command_machine_id_id", "command", ["machine_id", "id"])
    op.create_index("ix_command_state_machine_id", "command", ["state", "machine_id"])

    op.create_table(
        "machine_credential",
        sa.Column("id", ID, nullable=False),
        sa.Column("machine_id", ID, nullable=False),
        sa.Column("username", identifier(64), nullable=False),
        sa.Column("password_hash", identifier(128), nullable=False),
        sa.Column("salt", identifier(32), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["machine_id"], ["machine.id"], name="fk_machine_credential_machine_id"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("username", name="uq_machine_credential_username"),
        **TABLE,
    )
    op.create_index("ix_machine_credential_machine_id", "machine_credential", ["machine_id"])

    op.create_table(
        "command_event",
        sa.Column("id", ID, nullable=False),
        sa.Column("command_id", identifier(36), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("state", identifier(12), nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(["command_id"], ["command.id"], name="fk_command_event_command_id"),
        sa.PrimaryKeyConstraint("id"),
        **TABLE,
    )
    op.create_index("ix_command_event_command_id", "command_event", ["command_id"])
    op.execute("INSERT INTO broker_sync (id, wanted, applied, runner_seen_at) VALUES (1, 0, 0, 0)")
    rule = RULE["sqlite" if op.get_bind().dialect.name == "sqlite" else "mysql"]
    op.execute(MQTT_USER)
    op.execute(MQTT_ACL.format(rule=rule, living=LIVING))


def downgrade() -> None:
    op.execute("DROP VIEW mqtt_acl")
    op.execute("DROP VIEW mqtt_user")
    op.drop_table("command_event")
    op.drop_table("machine_credential")
    op.drop_table("command")
    op.drop_table("user_account")
    op.drop_table("service_rule")
    op.drop_table("machine")
    op.drop_table("telemetry")
    op.drop_table("status_event")
    op.drop_table("service_account")
    op.drop_table("machine_status")
    op.drop_table("lease")
    op.drop_table("dead_letter")
    op.drop_table("company")
    op.drop_table("command_result")
    op.drop_table("broker_sync")
