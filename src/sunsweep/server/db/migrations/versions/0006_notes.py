"""What people write of a machine."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # With a default of the database's own: an earlier version that still runs names no notes.
    op.add_column("machine", sa.Column("notes", sa.String(4000), nullable=False, server_default=""))
