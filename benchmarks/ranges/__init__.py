"""Ranges and days against the best single query: ``make bench``."""
