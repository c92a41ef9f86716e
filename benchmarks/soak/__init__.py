"""The soak: weeks of the platform's life in minutes, with a real daemon, faults, kills and outages. See __main__.py."""
