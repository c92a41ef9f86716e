"""Benchmarks: each prints a table against its bar. Run one with ``python -m benchmarks.<name>``."""
