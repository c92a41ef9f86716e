"""Pages put together: the exact rows or an error, never a part of them."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from pizza_assets.errors import SourceError
from pizza_assets.platform import paging
from pizza_assets.platform.api import Api
from pizza_assets.platform.http import Reply
from pizza_assets.platform.paging import Page, all_pages, by_keys

API = Api("an API", "https://api.example", "API_URL", SecretStr("token"), "API_KEY")
FAULTS = ["delete", "insert", "repeat", "cycle", "endless", "short", "wrong-total"]


def cut(rows: Sequence[int], start: int, end: int | None) -> list[object]:
    return [{"id": number} for number in rows[start:end]]


class Server:
    """Rows on pages of the given sizes; a fault shows on every page but the first, in the first `bad` readings."""

    def __init__(self, sizes: Sequence[int], fault: str | None, bad: int, *, counts: bool = True) -> None:
        self.ends = [0]
        for size in sizes:
            self.ends.append(self.ends[-1] + size)
        self.fault, self.bad, self.counts = fault, bad, counts
        self.rows = range(1, self.ends[-1] + 1)
        self.requests = self.readings = 0

    def page(self, token: str) -> Page:
        at = int(token or 0)
        self.requests += 1
        self.readings += not at
        fault = self.fault if at and self.readings <= self.bad else None
        rows: Sequence[int] = self.rows
        if fault == "delete":
            rows = rows[1:]
        elif fault == "insert":
            rows = [0, *rows]
        total = len(rows) + (fault == "wrong-total")
        start, end = [*pairwise(self.ends)][min(at, len(self.ends) - 2)]
        here = cut(rows, start, None if fault == "insert" and at == len(self.ends) - 2 else end)
        following = str(at + 1) if at + 2 < len(self.ends) else None
        if fault == "repeat":
            here = cut(rows, 0, self.ends[1])
        elif fault == "cycle":
            following = "1"
        elif fault == "endless":
            following = str(at + 1)
        elif fault == "short":
            here = here[1:]
        return Page(Reply({}, b"", {}), here, total if self.counts else None, following)

    def ids(self) -> list[object]:
        pages = all_pages(API, "rows", self.page, by_keys("id"))
        return [row["id"] for page in pages for row in page.rows if isinstance(row, dict)]


@given(st.lists(st.integers(1, 4), min_size=2, max_size=6), st.sampled_from([None, *FAULTS]), st.integers(0, 2))
def test_the_exact_rows_or_an_error(sizes: list[int], fault: str | None, bad: int) -> None:
    server = Server(sizes, fault, bad)
    try:
        assert server.ids() == list(server.rows)
    except SourceError:
        assert fault is not None
        assert bad > 0
    else:
        assert fault is None or bad < 2
    # Twice, with one page more than there are at most.
    assert server.requests <= 2 * (len(sizes) + 1)


@pytest.mark.parametrize("fault", ["delete", "insert", "repeat", "short", "wrong-total"])
def test_rows_that_changed_once_are_asked_for_once_more(fault: str, caplog: pytest.LogCaptureFixture) -> None:
    server = Server([2, 2], fault, bad=1)
    assert server.ids() == [1, 2, 3, 4]
    assert (server.requests, server.readings) == (4, 2)
    assert "Asked again once, from the first page." in caplog.text


@pytest.mark.parametrize(
    ("fault", "said", "requests"),
    [
        ("delete", "expected a count of 4 on page 2 of the rows, as on page 1, found 3", 4),
        ("insert", "expected a count of 4 on page 2 of the rows, as on page 1, found 5", 4),
        ("repeat", r"expected new rows on page 2 of the rows, found 2 of an earlier page, such as \[1\]", 4),
        ("short", "expected 4 rows, as its own count says, found 3", 4),
        ("cycle", "expected a new next page on page 2 of the rows, found '1' for the second time", 2),
        ("endless", "expected 4 rows, as its own count says, found 6 on 3 pages", 3),
    ],
)
def test_rows_that_stay_wrong_are_an_error(fault: str, said: str, requests: int) -> None:
    server = Server([2, 2], fault, bad=2)
    with pytest.raises(SourceError, match=said):
        server.ids()
    assert server.requests == requests


@pytest.mark.parametrize(
    ("fault", "said"), [("repeat", "expected new rows on page 2"), ("cycle", "for the second time")]
)
def test_repeats_are_noticed_without_a_count(fault: str, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        Server([2, 2, 2], fault, bad=2, counts=False).ids()


def test_empty_pages_end_at_once_where_rows_are_counted() -> None:
    def empty(token: str) -> Page:
        return Page(Reply({}, b"", {}), [], 5, token + "x")

    with pytest.raises(SourceError, match="expected rows on page 1 of the rows, which names a next page, found none"):
        all_pages(API, "rows", empty, by_keys("id"))


def test_pages_without_count_are_limited_by_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MOST_BYTES", 10)

    def large(token: str) -> Page:
        return Page(Reply({}, b"123456", {}), [], None, token + "x")

    with pytest.raises(SourceError, match="found 2 pages with 0 MiB, and no end"):
        all_pages(API, "rows", large, by_keys("id"))


def test_rows_without_identity_are_left_to_their_reader() -> None:
    answers = {"": "1", "1": None}

    def page(token: str) -> Page:
        return Page(Reply({}, b"", {}), [{"name": 1}, 7], 4, answers[token])

    assert len(all_pages(API, "rows", page, by_keys("id"))) == 2
