"""Answers for programs: the page, JSON and GraphQL of what is published, and tonight, read-only."""
