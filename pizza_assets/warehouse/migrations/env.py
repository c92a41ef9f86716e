"""What Alembic runs: the migrations on the connection that ``migrate`` hands over, one at a time.

The version table is ours, for Dagster's storage has an ``alembic_version`` of its own.
"""

from alembic import context
from sqlalchemy import text

connection = context.config.attributes["connection"]
# 0x70697a7a61 is 'pizza': no two processes migrate at once.
connection.execute(text("SELECT pg_advisory_xact_lock(482922723937)"))
connection.execute(text("CREATE SCHEMA IF NOT EXISTS ops"))
context.configure(connection=connection, version_table_schema="ops")
with context.begin_transaction():
    context.run_migrations()
connection.commit()
