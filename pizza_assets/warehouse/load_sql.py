"""The statements of a load, in the order in which ``loader`` runs them; temporary tables hand on between them.

Belongs here: SQL that changes facts. Does not belong here: SQL of dimensions, checks and marts.
"""

# --- what the days stated before is taken out: all of it by a replace, else what an older version summed by product ---

REMOVED = "CREATE TEMPORARY TABLE removed (LIKE sales.fact_sales) ON COMMIT DROP"

TAKE_OUT = """
WITH gone AS (
    DELETE FROM sales.fact_sales
    WHERE retailer_key = %(retailer)s AND source_day = ANY(%(days)s) AND (%(all)s OR line <= 0)
    RETURNING *
)
INSERT INTO removed SELECT * FROM gone
"""

FORGET = """
DELETE FROM sales.fact_sales_superseded
WHERE retailer_key = %(retailer)s AND source_day = ANY(%(days)s) AND (%(all)s OR line <= 0)
"""

#: What an older feed stated of a removed fact stands again.
RESTORE = """
WITH newest AS (
    SELECT DISTINCT ON (date_key, transaction_id, line) * FROM sales.fact_sales_superseded
    WHERE retailer_key = %(retailer)s
    AND (date_key, transaction_id, line) IN (SELECT date_key, transaction_id, line FROM removed)
    ORDER BY date_key, transaction_id, line, source_day DESC
), moved AS (
    DELETE FROM sales.fact_sales_superseded AS s USING newest AS n
    WHERE (s.retailer_key, s.date_key, s.transaction_id, s.line, s.source_day)
        = (n.retailer_key, n.date_key, n.transaction_id, n.line, n.source_day)
), restored AS (
    INSERT INTO sales.fact_sales SELECT * FROM newest RETURNING date_key
)
INSERT INTO ops.stale_day
SELECT DISTINCT %(retailer)s::smallint, date_key
FROM (SELECT date_key FROM restored UNION ALL SELECT date_key FROM removed) AS touched
"""

REMOVED_BY_DAY = "SELECT source_day, count(*) FROM removed GROUP BY source_day"

# --- what the feeds state becomes facts ---

HAS_FACTS = """
SELECT EXISTS (SELECT FROM sales.fact_sales WHERE retailer_key = %(retailer)s)
    OR EXISTS (SELECT FROM sales.fact_sales_superseded WHERE retailer_key = %(retailer)s)
"""

STAGE = "CREATE TEMPORARY TABLE stated (LIKE sales.fact_sales) ON COMMIT DROP"

#: Statements of a day that states the fact already settle nothing new; only a day that was loaded before has any.
WAS_LOADED = """
SELECT EXISTS (
    SELECT FROM ops.load_audit
    WHERE retailer_key = %(retailer)s AND source_day = ANY(%(days)s) AND outcome = 'loaded'
)
"""
SETTLE = """
WITH settled AS (
    DELETE FROM stated AS s USING sales.fact_sales AS f
    WHERE f.retailer_key = %(retailer)s
    AND (f.date_key, f.transaction_id, f.line, f.source_day) = (s.date_key, s.transaction_id, s.line, s.source_day)
    RETURNING s.source_day, CASE
        WHEN (f.product_key, f.customer_key, f.store_key, f.sold_at, f.quantity, f.unit_price, f.discount,
              f.total_amount, f.currency, f.data_source)
           = (s.product_key, s.customer_key, s.store_key, s.sold_at, s.quantity, s.unit_price, s.discount,
              s.total_amount, s.currency, s.data_source)
        THEN 'duplicate' ELSE 'ignored'
    END AS outcome
)
SELECT source_day, outcome, count(*) FROM settled GROUP BY source_day, outcome
"""

#: The facts that are stated again.
HELD = """
CREATE TEMPORARY TABLE held ON COMMIT DROP AS
SELECT * FROM sales.fact_sales
WHERE retailer_key = %(retailer)s
AND (date_key, transaction_id, line) IN (SELECT date_key, transaction_id, line FROM stated)
"""

#: Where nothing is stated twice.
INSERT = "INSERT INTO sales.fact_sales SELECT * FROM stated"
LEFT = "SELECT source_day, 'inserted', count(*) FROM stated GROUP BY source_day"

#: Every statement, held or new: whether it is the newest of its fact (at a tie the held one), and what becomes of
#: it. ``content`` is all that tells one statement of a fact from another.
JUDGE = """
CREATE TEMPORARY TABLE judged ON COMMIT DROP AS
WITH every AS (
    SELECT *, ROW(held.*)::sales.fact_sales AS fact, true AS is_held FROM held
    UNION ALL
    SELECT *, ROW(stated.*)::sales.fact_sales, false FROM stated
), told AS (
    SELECT fact, is_held, date_key, transaction_id, line, source_day,
           ROW(product_key, customer_key, store_key, sold_at, quantity, unit_price, discount, total_amount,
               currency, data_source)::text AS content
    FROM every
), compared AS (
    SELECT *, max(source_day) FILTER (WHERE is_held) OVER of_one_fact AS held_day,
           max(content) FILTER (WHERE is_held) OVER of_one_fact AS held_content,
           lag(content) OVER (of_one_fact ORDER BY source_day, is_held DESC) AS older_content,
           row_number() OVER (of_one_fact ORDER BY source_day DESC, is_held DESC) = 1 AS is_newest
    FROM told
    WINDOW of_one_fact AS (PARTITION BY date_key, transaction_id, line)
)
SELECT fact, is_held, is_newest, held_day, CASE
    WHEN is_held THEN NULL
    WHEN held_day >= source_day THEN CASE WHEN held_content = content THEN 'duplicate' ELSE 'ignored' END
    WHEN older_content IS NULL THEN 'inserted'
    WHEN older_content = content THEN 'duplicate'
    ELSE 'corrected'
END AS outcome
FROM compared
"""

#: Older statements are kept, but for a second statement of one day, which changes nothing without a replace.
SUPERSEDE = """
INSERT INTO sales.fact_sales_superseded
SELECT (fact).* FROM judged
WHERE NOT is_newest AND (is_held OR (fact).source_day IS DISTINCT FROM held_day)
ON CONFLICT DO NOTHING
"""

REMOVE_SUPERSEDED = """
DELETE FROM sales.fact_sales AS f USING judged AS j
WHERE j.is_held AND NOT j.is_newest
AND (f.retailer_key, f.date_key, f.transaction_id, f.line)
    = ((j.fact).retailer_key, (j.fact).date_key, (j.fact).transaction_id, (j.fact).line)
"""

INSERT_NEWEST = """
INSERT INTO sales.fact_sales
SELECT (fact).* FROM judged WHERE is_newest AND NOT is_held
ORDER BY (fact).date_key, (fact).transaction_id, (fact).line
"""

OUTCOMES = """
SELECT (fact).source_day, outcome, count(*) FROM judged WHERE NOT is_held GROUP BY (fact).source_day, outcome
"""

# --- what is told of it ---

MARK_STALE = """
INSERT INTO ops.stale_day SELECT %(retailer)s, date_key FROM unnest(%(dates)s::integer[]) AS dates (date_key)
"""

MARK_HELD_STALE = "INSERT INTO ops.stale_day SELECT DISTINCT retailer_key, date_key FROM held"

AUDIT = """
INSERT INTO ops.load_audit (
    retailer_key, source_day, outcome, mode, data_source,
    received, rejected, inserted, corrected, duplicate, ignored, removed
) VALUES (
    %(retailer)s, %(source_day)s, 'loaded', %(mode)s, %(data_source)s,
    %(received)s, %(rejected)s, %(inserted)s, %(corrected)s, %(duplicate)s, %(ignored)s, %(removed)s
)
"""

AUDIT_FAILURE = """
INSERT INTO ops.load_audit (retailer_key, source_day, outcome, mode, received, rejected, reason)
SELECT retailer_key, %(source_day)s, 'failed', %(mode)s, %(received)s, %(rejected)s, %(reason)s
FROM sales.dim_retailer WHERE retailer_id = %(retailer_id)s
"""
