"""The command line ``pizza-assets``: one module for each group of commands; ``root`` joins them.

Belongs here: options, words and exit codes. Does not belong here: what a command does.
"""

from pizza_assets.cli.root import main

__all__ = ["main"]
