"""The five questions in pandas: the same work for comparison, written apart from the expressions, as their oracle."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from pizza_assets import contracts
from pizza_assets.merchants.analysis import limits
from pizza_assets.merchants.contract import ANSWERS
from pizza_assets.merchants.inputs import read_merchants
from pizza_assets.settings import Settings

_TEXTS = {
    "merchant_id": "Unknown merchant",
    "city_id": "Unknown city",
    "state_id": "Unknown state",
    "category": "Unknown category",
}


def _attempts(files: Sequence[str]) -> pd.DataFrame:
    table = ds.dataset(list(files)).to_table(columns=contracts.arrow_schema(contracts.MERCHANT_TRANSACTIONS).names)
    frame = table.unify_dictionaries().to_pandas(date_as_object=False, split_blocks=True, self_destruct=True)
    latest, most = limits(Settings.load()).latest, Settings.load().merchants_max_amount
    amount, at, flag = frame["purchase_amount"], frame["purchase_date"], frame["authorized_flag"].astype("category")
    sound = amount.notna() & (amount.abs() <= most) & at.between(pd.Timestamp("1992-01-01"), latest)
    frame = frame[sound & flag.isin(["Y", "N"])]
    for name, unknown in _TEXTS.items():
        codes, texts = pd.factorize(frame[name].astype(object) if frame[name].dtype != "category" else frame[name])
        clean = pd.Series(texts.astype(object)).str.strip()
        clean = clean.where(~clean.isin(["", "-1"]), unknown) if name.endswith("_id") else clean.replace("", unknown)
        values = np.append(clean.to_numpy(dtype=object), unknown)
        position, distinct = pd.factorize(values)
        frame[name] = pd.Categorical.from_codes(position[codes], distinct)
    frame["millionths"] = np.floor(frame["purchase_amount"] * 1_000_000 + 0.5).astype("int64")
    return frame.drop(columns=["purchase_amount", "data_source"])


def _names(merchants: pd.DataFrame) -> Mapping[str, str]:
    named = merchants.dropna(subset="merchant_name").groupby("merchant_id")["merchant_name"].agg(["nunique", "first"])
    return named.loc[named["nunique"] == 1, "first"].to_dict()


def _named(frame: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    ids = frame["merchant_id"].astype(str)
    return frame.assign(merchant_id=ids, merchant_name=ids.map(names).fillna(ids))


def _totals(sales: pd.DataFrame, *by: str) -> pd.DataFrame:
    groups = sales.groupby(list(by), observed=True)["millionths"].agg(["sum", "size"]).reset_index()
    return groups.rename(columns={"sum": "total", "size": "sales"}).astype(dict.fromkeys(_TEXTS.keys() & set(by), str))


def _ranked(frame: pd.DataFrame, by: list[str], order: list[str], ascending: list[bool]) -> pd.DataFrame:
    ordered = frame.sort_values([*by, *order], ascending=[True] * len(by) + ascending)
    position = ordered.groupby(by, observed=True).cumcount() if by else pd.RangeIndex(len(ordered))
    return ordered.assign(position=np.asarray(position) + 1)


def _association(attempts: pd.DataFrame) -> pd.DataFrame:
    cells = attempts.groupby(["city_id", "category"], observed=True).size().rename("cell").reset_index()
    known = cells[cells["city_id"] != "Unknown city"]
    table = known.pivot_table(
        index="city_id", columns="category", values="cell", fill_value=0, observed=True
    ).to_numpy()
    count = table.sum()
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / count
    chi_squared = ((table - expected) ** 2 / expected).sum()
    v = np.sqrt(chi_squared / count / (min(table.shape) - 1))
    apart = cells["cell"].sum() - count
    names = ["attempts", "unknown_city_attempts", "cities", "categories", "chi_squared", "cramers_v"]
    return pd.DataFrame([[count, apart, *table.shape, round(chi_squared, 3), round(v, 6)]], columns=names)


def _topic(topic: str, ranked: pd.DataFrame, choice: pd.Series, measure: pd.Series, advised: pd.Series) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "topic": topic,
            "position": ranked["position"].to_numpy(),
            "choice": choice.astype(str).to_numpy(),
            "sales": ranked["sales"].to_numpy(),
            "amount": ranked["total"].to_numpy() / 1_000_000,
            "measure": np.asarray(measure, dtype=float),
            "is_advised": np.asarray(advised),
        }
    )


def _window(sales: np.ndarray) -> tuple[int, int]:
    """Opening hour and length of the smallest circular window with 80 % of sales, by trying them all."""
    twice = np.concatenate([[0], np.cumsum(np.tile(sales, 2))])
    tried = [
        (length, -(twice[hour + length] - twice[hour]), hour)
        for hour in range(24)
        for length in range(1, 25)
        if sales[hour] and twice[hour + length] - twice[hour] >= 0.8 * sales.sum()
    ]
    length, _, hour = min(tried)
    return hour, length


def _advice(attempts: pd.DataFrame, sales: pd.DataFrame) -> pd.DataFrame:
    parts = []
    for topic, column in (("city", "city_id"), ("category", "category")):
        totals = _totals(sales, column)
        ranked = _ranked(totals[totals[column] != _TEXTS[column]], [], ["total", column], [False, True])
        parts.append(_topic(topic, ranked, ranked[column], ranked["total"] / 1_000_000, ranked["position"] <= 3))
    at = attempts["purchase_date"]
    days = pd.Series(at.dt.normalize().unique()).dt.month.value_counts()
    months = _totals(sales.assign(month=sales["purchase_date"].dt.month), "month")
    months["per_day"] = months["total"] / 1_000_000 / months["month"].map(days)
    ranked = _ranked(months, [], ["per_day", "month"], [False, True])
    parts.append(
        _topic("month", ranked, ranked["month"].map("{:02d}".format), ranked["per_day"], ranked["position"] <= 3)
    )
    hours = (
        _totals(sales.assign(hour=sales["purchase_date"].dt.hour), "hour")
        .set_index("hour")
        .reindex(range(24), fill_value=0)
    )
    opening, length = _window(hours["sales"].to_numpy())
    ranked = hours.assign(position=(hours.index - opening) % 24 + 1).sort_values("position")
    share = ranked["sales"] / ranked["sales"].sum()
    parts.append(
        _topic("hour", ranked, ranked.index.map("{:02d}".format).to_series(), share, ranked["position"] <= length)
    )
    paid = sales[sales["installments"].between(0, 60)]
    ranked = _ranked(_totals(paid, "installments"), [], ["installments"], [True])
    profit = (0.771 ** ranked["installments"].astype(float) - 0.75).round(6)
    parts.append(_topic("instalments", ranked, ranked["installments"].astype(int), profit, profit > 0))
    return pd.concat(parts).sort_values(["topic", "position"])


def answers(files: Sequence[str], merchants: Path) -> Mapping[str, pa.Table]:
    """Return the answers by name, with the types of their contracts."""
    attempts = _attempts(files)
    names = _names(read_merchants(str(merchants)).to_pandas())
    sales = attempts[attempts["authorized_flag"] == "Y"]
    at = sales["purchase_date"]
    monthly = _totals(sales.assign(month=at.dt.year * 100 + at.dt.month), "month", "city_id", "merchant_id")
    top = _ranked(monthly, ["month", "city_id"], ["total", "merchant_id"], [False, True]).query("position <= 5")
    text = top["month"].astype(str)
    means = _totals(sales, "merchant_id", "state_id")
    means["mean_amount"] = means["total"] / means["sales"] / 1_000_000
    hourly = _totals(sales.assign(hour=at.dt.hour), "category", "hour")
    hours = _ranked(hourly, ["category"], ["total", "hour"], [False, True]).query("position <= 3")
    counts = attempts.groupby(["city_id", "merchant_id"], observed=True).size().rename("attempts").reset_index()
    counts = counts.astype({"city_id": str, "merchant_id": str})
    counts["share_of_city"] = counts["attempts"] / counts.groupby("city_id")["attempts"].transform("sum")
    popular = _ranked(counts, ["city_id"], ["attempts", "merchant_id"], [False, True]).query("position <= 5")
    frames = {
        "top_merchants": _named(top.assign(month=text.str[:4] + "-" + text.str[4:], amount=top["total"] / 1e6), names),
        "mean_sales": _named(means, names).sort_values(
            ["mean_amount", "merchant_id", "state_id"], ascending=[False, True, True]
        ),
        "top_hours": hours.assign(amount=hours["total"] / 1e6),
        "popular_merchants": _named(popular, names),
        "city_category_association": _association(attempts),
        "merchant_advice": _advice(attempts, sales),
    }
    return {
        name: pa.Table.from_pandas(
            frame.assign(data_source="mock"), contracts.arrow_schema(ANSWERS[name]), preserve_index=False
        ).replace_schema_metadata()
        for name, frame in frames.items()
    }
