"""Alembic runs on the connection it is handed, inside that connection's transaction."""

from alembic import context

from sunsweep.server.db.models import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
)
context.run_migrations()
