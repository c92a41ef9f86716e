"""Card transactions of merchants: five questions, one expression each, on DuckDB or Spark."""
