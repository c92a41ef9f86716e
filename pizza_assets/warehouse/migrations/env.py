"""What Alembic runs: the migrations on the connection that ``migrate`` hands over, one at a time.

The version table is ours, for Dagster's storage has an ``alembic_version`` of its own.
"""

from alembic import context
from sqlalchemy import text

from pizza_assets.warehouse.migrations import LOCK

connection = context.config.attributes["connection"]
connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
connection.execute(text("CREATE SCHEMA IF NOT EXISTS ops"))
context.configure(connection=connection, version_table_schema="ops")
with context.begin_transaction():
    context.run_migrations()
connection.commit()
