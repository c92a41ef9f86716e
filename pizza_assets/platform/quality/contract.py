"""The contract of the history of quality checks."""

from pizza_assets.platform.columns import data_set, instant, text

QUALITY_RESULTS = data_set(
    "quality_results",
    "What the checks of one run said about the days of one data set. Every run leaves its own; none is replaced.",
    grain="one row per run, data set, check and day",
    key=["run_id", "asset", "check", "day"],
    columns={
        "run_id": text("The Dagster run."),
        "evaluated_at": instant("When the run judged its days."),
        "asset": text("The data set, by its asset's name."),
        "check": text("The check."),
        "day": text("The day that was judged, YYYY-MM-DD (UTC).", pattern=r"^\d{4}-\d{2}-\d{2}$"),
        "data_source": text(
            "Source of the day's data; none for data sets with both in separate rows.", isin=("real", "mock", "none")
        ),
        "status": text(
            "passed, skipped (cannot be judged yet), warn or error.", isin=("passed", "skipped", "warn", "error")
        ),
        "message": text("What was found, and where it helps what to do.", nullable=True),
        "figures": text("What the day was judged by (JSON object)."),
    },
)
