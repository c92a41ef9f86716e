"""Running the platform: expected partitions, catching up, alerts, and the quarantine."""
