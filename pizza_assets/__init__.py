"""Does football sell pizza? A Dagster asset platform that answers it every day.

One package per data product, in the order that data flows: ``football``, ``orders``, ``analysis``, ``retail``,
``warehouse``, ``merchants``, ``dashboard``. They stand on ``contracts``, ``lake`` and ``platform``; ``operations`` runs
them, ``cli`` is the command line. docs/architecture.md has the map.
"""

import sys

# Where pyspark is installed, pandera would import pyspark.pandas: half a second for every command, and warnings.
sys.modules.setdefault("pyspark.pandas", None)  # type: ignore[arg-type] # None is how Python spells "not to be imported"
