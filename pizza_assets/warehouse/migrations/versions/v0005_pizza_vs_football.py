"""Pizza against football: what matches do to the sales of each category, as the newest analysis found it."""

from alembic import op

revision = "0005"
down_revision = "0004"

_SCHEMA = """
CREATE TABLE marts.pizza_vs_football (
    as_of       date NOT NULL,
    category    text NOT NULL,
    city        text NOT NULL,
    time_window text NOT NULL,
    data_source text NOT NULL CHECK (data_source IN ('real', 'mock')),
    retailers   text NOT NULL,
    days        bigint NOT NULL,
    items       bigint NOT NULL,
    expected    double precision,
    uplift_pct  double precision,
    ci_low      double precision,
    ci_high     double precision,
    p_value     double precision,
    q_value     double precision,
    n_matches   bigint NOT NULL,
    n_weeks     bigint NOT NULL,
    verdict     text NOT NULL,
    reason      text NOT NULL,
    PRIMARY KEY (category, city, time_window, data_source),
    CONSTRAINT pizza_vs_football_insufficient_check CHECK (verdict <> 'insufficient' OR uplift_pct IS NULL)
);
COMMENT ON TABLE marts.pizza_vs_football IS
    'Sales around kick-off against expected, by category and city: the newest analysis (docs/statistics.md).';
COMMENT ON COLUMN marts.pizza_vs_football.city IS 'The city whose team plays; all for all cities together.';
COMMENT ON COLUMN marts.pizza_vs_football.data_source IS
    'real: real sales around real matches; mock: mock sales. Never in one figure.';
COMMENT ON COLUMN marts.pizza_vs_football.days IS
    'Days on which all of these retailers are loaded; a day that one of them lacks is not observed.';
COMMENT ON COLUMN marts.pizza_vs_football.q_value IS 'p adjusted over all results of the source.';
COMMENT ON COLUMN marts.pizza_vs_football.verdict IS
    'higher and lower are findings; insufficient: too little data for a number.';
"""


def upgrade() -> None:
    """Make the table; the next analysis fills it."""
    op.execute(_SCHEMA)


def downgrade() -> None:
    """Remove the table; it is made of facts and matches alone."""
    op.execute("DROP TABLE marts.pizza_vs_football")
