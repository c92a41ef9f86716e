"""Alerts: what somebody has to know, in one useful sentence, sent once. Knows nothing of Dagster."""
