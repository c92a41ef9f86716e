"""The outside world: HTTP APIs and till exports. What arrives is parsed and checked here; nothing is stored here."""
