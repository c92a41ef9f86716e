"""An analysis as the files that the lake keeps of it.

Belongs here: what the files of a day hold. Does not belong here: the analysis, and where files lie.
"""

from datetime import date

from pizza_assets.lake import formats
from pizza_assets.lake.layout import CORRELATION_FILES
from pizza_assets.lake.tables import Files
from pizza_assets.matchday.analysis import Analysis, Prepared, analyse_prepared

#: A finding: significant after Benjamini-Hochberg at this level.
ALPHA = 0.05


def correlation_files(analysis: Analysis) -> Files:
    """Return an analysis as the files that the lake keeps of it."""
    results = analysis.results
    found = results[(results["q_value"] <= ALPHA) & results["verdict"].isin(["higher", "lower"])]
    content = (
        formats.csv_bytes(results),
        formats.csv_bytes(found),
        formats.json_bytes(analysis.summary),
    )
    facts = {"rows": len(results), "findings": len(found), "as-of": analysis.as_of.isoformat()}
    return Files(dict(zip(CORRELATION_FILES, content, strict=True)), facts)


def analysed(prepared: Prepared, window_days: int, as_of: date) -> Files:
    """Analyse the window that ends with a day, and return it as its files."""
    return correlation_files(analyse_prepared(prepared, as_of, window_days))
