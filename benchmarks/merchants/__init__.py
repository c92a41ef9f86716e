"""Time and memory of the merchant questions on DuckDB, Spark and pandas (``make bench-merchants``)."""
