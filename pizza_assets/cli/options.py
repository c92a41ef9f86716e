"""What options of several commands share.

Belongs here: types of options. Does not belong here: commands.
"""

from typing import Any

import click

#: A day as an option takes it: ``@click.option("--from", "first", **DAY)``.
DAY: Any = {"type": click.DateTime(formats=["%Y-%m-%d"]), "metavar": "YYYY-MM-DD"}
