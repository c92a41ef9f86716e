"""What every slice stands on: HTTP, checks, logs, metrics, redaction, Dagster's common parts (``dagster_*``)."""
