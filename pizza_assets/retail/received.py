"""One business day as a retailer's API gave it, and what all three APIs have in common.

Belongs here: the shape of an answer, and the checks that do not depend on a dialect. Does not belong here: asking.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from pydantic import SecretStr

from pizza_assets.errors import SettingsError, SourceError
from pizza_assets.platform.api import Api, checked_address, host_of
from pizza_assets.platform.columns import Source
from pizza_assets.platform.paging import Page
from pizza_assets.platform.rate_budget import RateBudget, per_minute
from pizza_assets.settings import Settings

#: An API that makes its data up says ``mock`` in it.
SOURCE_HEADER = "X-Data-Source"


def whole(row: object) -> object:
    """Return what makes a row of a page this row: all of it, for a line may come again on another day, or corrected."""
    return row


@dataclass(frozen=True)
class Received:
    """The lines of one business day, each whole as a JSON object, and the pages they came in, as text."""

    lines: Sequence[Mapping[str, object]]
    pages: Sequence[str]
    data_source: Source


#: Asks for one business day.
Feed = Callable[[date], Received]


def secret(settings: Settings, retailer_id: str, name: str) -> SecretStr:
    """Return a credential of a retailer.

    Raises
    ------
    SettingsError
        When it is not set.
    """
    value = getattr(settings, f"{retailer_id}_{name}")
    if value is None:
        url, credential = f"{retailer_id}_URL".upper(), f"{retailer_id}_{name}".upper()
        raise SettingsError(f"{url} is set, {credential} is not. Set both, or neither for mock days.")
    return value if isinstance(value, SecretStr) else SecretStr(value)


def budget_of(api: Api, settings: Settings) -> RateBudget:
    """Return the budget of a retailer's host."""
    return RateBudget(host_of(checked_address(api)), per_minute(settings.retailer_requests_per_minute))


def received(api: Api, lines: Sequence[Mapping[str, object]], pages: Sequence[Page]) -> Received:
    """Put a day together.

    Raises
    ------
    SourceError
        When some pages say that they are mock and others do not.
    """
    replies = [page.reply for page in pages]
    said = {reply.headers.get(SOURCE_HEADER, "real").strip().lower() for reply in replies}
    if said not in ({"real"}, {"mock"}):
        raise SourceError(
            f"{api.name}: expected '{SOURCE_HEADER}: mock' on each page or on none, found {sorted(said)}. "
            f"Check {api.url_setting}."
        )
    texts = [reply.body.decode("utf-8-sig") for reply in replies]
    return Received(lines, texts, "mock" if said == {"mock"} else "real")
