"""Operations: what was loaded, how the checks went, what was archived, and which days the marts have yet to take in."""

from alembic import op

revision = "0002"
down_revision = "0001"

_SCHEMA = """
CREATE TABLE ops.load_audit (
    audit_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    retailer_key smallint NOT NULL REFERENCES sales.dim_retailer,
    source_day   date NOT NULL,
    loaded_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    outcome      text NOT NULL CHECK (outcome IN ('loaded', 'failed')),
    mode         text NOT NULL CHECK (mode IN ('add', 'replace')),
    data_source  text CHECK (data_source IN ('real', 'mock')),
    received     bigint NOT NULL DEFAULT 0,
    rejected     bigint NOT NULL DEFAULT 0,
    merged       bigint NOT NULL DEFAULT 0,
    inserted     bigint NOT NULL DEFAULT 0,
    corrected    bigint NOT NULL DEFAULT 0,
    duplicate    bigint NOT NULL DEFAULT 0,
    ignored      bigint NOT NULL DEFAULT 0,
    removed      bigint NOT NULL DEFAULT 0,
    reason       text,
    CONSTRAINT load_audit_reconciles CHECK (
        outcome = 'failed' OR received = rejected + merged + inserted + corrected + duplicate + ignored
    ),
    CONSTRAINT load_audit_reason CHECK ((outcome = 'failed') = (reason IS NOT NULL))
);
CREATE INDEX load_audit_day_idx ON ops.load_audit (retailer_key, source_day, audit_id);
COMMENT ON TABLE ops.load_audit IS 'Every load of a retailer and day, the failed ones too.';
COMMENT ON COLUMN ops.load_audit.received IS
    'Lines of the feed = rejected + merged + inserted + corrected + duplicate + ignored.';
COMMENT ON COLUMN ops.load_audit.rejected IS 'Lines rejected before the load; they are in the lake''s quarantine.';
COMMENT ON COLUMN ops.load_audit.merged IS 'Lines summed into another line of the same product and transaction.';
COMMENT ON COLUMN ops.load_audit.corrected IS 'Facts that an older feed stated otherwise; the older statement is kept.';
COMMENT ON COLUMN ops.load_audit.duplicate IS 'Facts that were there already, just so.';
COMMENT ON COLUMN ops.load_audit.ignored IS
    'Facts that a newer feed, or an earlier load of this day, states otherwise; that statement stands.';
COMMENT ON COLUMN ops.load_audit.removed IS 'Facts of the day that a replace took out before it replaced the day.';

CREATE VIEW ops.loaded_day AS
SELECT DISTINCT ON (retailer_key, source_day) *
FROM ops.load_audit
WHERE outcome = 'loaded'
ORDER BY retailer_key, source_day, audit_id DESC;
COMMENT ON VIEW ops.loaded_day IS 'The checkpoint: the newest load of each day that a retailer has.';

CREATE TABLE ops.quality_result (
    result_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    checked_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    check_name   text NOT NULL,
    retailer_id  text NOT NULL,
    day          date NOT NULL,
    passed       boolean NOT NULL,
    severity     text NOT NULL CHECK (severity IN ('error', 'warning')),
    observed     text NOT NULL,
    expected     text NOT NULL
);
CREATE INDEX quality_result_day_idx ON ops.quality_result (day, retailer_id, check_name);
COMMENT ON TABLE ops.quality_result IS 'Every check of a retailer and day, with its history.';

CREATE TABLE ops.archive (
    object_key   text PRIMARY KEY,
    retailer_key smallint NOT NULL REFERENCES sales.dim_retailer,
    month        date NOT NULL,
    facts        bigint NOT NULL,
    total_amount numeric NOT NULL,
    archived_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE ops.archive IS 'Facts that were moved to the lake: one row per object.';

CREATE TABLE ops.stale_day (
    retailer_key smallint NOT NULL,
    date_key     integer NOT NULL
);
COMMENT ON TABLE ops.stale_day IS
    'Days whose facts changed since the marts were refreshed. A log, not a set: a refresh removes what it saw, and a '
    'load that commits meanwhile keeps its own rows.';
"""


def upgrade() -> None:
    """Make the tables of operations."""
    op.execute(_SCHEMA)


def downgrade() -> None:
    """Remove the tables of operations with their history."""
    op.execute("""
        DROP VIEW ops.loaded_day;
        DROP TABLE IF EXISTS ops.set_aside_0007, ops.set_aside_superseded_0007;
        DROP TABLE ops.stale_day, ops.archive, ops.quality_result, ops.load_audit;
    """)
