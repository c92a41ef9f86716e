"""The quarantine: records that were refused, what lies there, and reading them again after a fix.

Does not belong here: refusing (``sources/``), and running what depends on a day that changed (``defs/replay.py``).
"""
