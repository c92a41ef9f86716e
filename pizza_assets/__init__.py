"""Does football sell pizza? A Dagster asset platform that answers it every day.

The rooms, in the order that data flows: ``sources`` and ``synthetic`` make records, ``contracts`` say
what a record is, ``lake`` keeps them, ``analysis`` analyses them, ``dashboard`` shows them. ``platform`` and
``definitions`` wire the rooms into Dagster and are the only ones that import it.
"""

import sys

# Where pyspark is installed, pandera would import pyspark.pandas: half a second for every command, and warnings.
sys.modules.setdefault("pyspark.pandas", None)  # type: ignore[arg-type] # None is how Python spells "not to be imported"
