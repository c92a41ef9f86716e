"""Quality: what is expected of each day of a data set, and what was found.

Belongs here: expectations and judgements, free of Dagster (``platform/dagster_checks`` shows them in the UI). Does not
belong here: repair, alerts, and the contracts themselves (``contracts``).

A check measures each day as it passes on its way to the lake, and judges all days of a run at its end. Checks of
structure reject a day before it is stored; checks of drift warn about days that are stored.
"""
