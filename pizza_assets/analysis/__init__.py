"""Statistics: pure functions from volume and matches to uplift, correlation and verdicts. No I/O, no Dagster."""
