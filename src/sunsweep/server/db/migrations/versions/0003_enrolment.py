"""One-time codes with which machines fetch their login."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    ascii_bin = mysql.VARCHAR(64, charset="ascii", collation="ascii_bin")
    op.create_table(
        "enrolment_code",
        sa.Column("machine_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("code_hash", sa.String(64).with_variant(ascii_bin, "mysql", "mariadb"), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("machine_id"),
        sa.ForeignKeyConstraint(["machine_id"], ["machine.id"], name="fk_enrolment_code_machine_id"),
        sa.UniqueConstraint("code_hash", name="uq_enrolment_code_code_hash"),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )


def downgrade() -> None:
    op.drop_table("enrolment_code")
