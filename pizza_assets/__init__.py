"""Does football sell pizza? A Dagster asset platform that answers it every day.

The rooms, in the order that data flows: ``sources`` and ``synthetic`` make records, ``contracts`` say
what a record is, ``lake`` keeps them, ``matchday`` analyses them, ``dashboard`` shows them. ``defs`` and
``definitions`` wire the rooms into Dagster and are the only ones that import it.
"""
