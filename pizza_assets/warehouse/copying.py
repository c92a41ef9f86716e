"""COPY: Arrow tables into tables of the database, a batch at a time.

Belongs here: how rows travel. Does not belong here: which rows, and into which table.
"""

import io

import pyarrow as pa
import pyarrow.csv
from psycopg.sql import SQL, Identifier

from pizza_assets.warehouse.connection import Connection

#: So few that the next batch is encoded while the server reads this one (measured: a quarter faster than 65,536).
_ROWS = 4096


def copy_in(connection: Connection, rows: pa.Table, table: Identifier) -> int:
    """Copy rows into the columns of their names, and return how many the database took. Nulls stay null."""
    columns = SQL(", ").join(map(Identifier, rows.column_names))
    statement = SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(table, columns)
    options = pyarrow.csv.WriteOptions(include_header=False)
    with connection.cursor() as cursor:
        with cursor.copy(statement) as copy:
            for batch in rows.to_batches(_ROWS):
                buffer = io.BytesIO()
                pyarrow.csv.write_csv(batch, buffer, options)
                copy.write(buffer.getbuffer())
        return cursor.rowcount
