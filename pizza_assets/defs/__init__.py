"""Dagster: assets, IO manager, resources and jobs. With definitions.py the only room that imports dagster."""
