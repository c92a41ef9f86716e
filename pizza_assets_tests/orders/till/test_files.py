import gzip
import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pizza_assets.errors import SourceError
from pizza_assets.orders.till import text
from pizza_assets.orders.till.files import matching, tables_in
from pizza_assets_tests.orders.till import exports

Records = list[dict[str, object]]


def records(path: Path) -> Records:
    return [
        rows.record(position) for table in tables_in(path) for rows in table.batches() for position in range(len(rows))
    ]


def read(folder: Path, data: str | bytes, name: str = "export.csv") -> Records:
    return records(exports.write(folder, name, data))


@pytest.mark.parametrize("name", exports.in_every_format())
def test_reads_every_format(tmp_path: Path, name: str) -> None:
    found = records(exports.write(tmp_path, name, exports.in_every_format()[name]))
    expected = [dict(zip(exports.HEADER, map(str, row), strict=True)) for row in exports.ROWS]
    assert found == expected


def test_the_content_tells_the_format_not_the_name(tmp_path: Path) -> None:
    assert len(read(tmp_path, exports.xlsx({"Orders": [exports.HEADER, *exports.ROWS]}), "orders.csv")) == 2
    assert len(read(tmp_path, exports.csv_text(), "orders.xlsx")) == 2


def test_a_spreadsheet_keeps_times_and_numbers(tmp_path: Path) -> None:
    sold = datetime(2024, 5, 4, 18, 14, 5)  # noqa: DTZ001  # the till's own clock
    path = exports.write(tmp_path, "a.xlsx", exports.xlsx({"Orders": [("No", "Sold", "Total"), (7, sold, 12.5)]}))
    ((rows,),) = (list(table.batches()) for table in tables_in(path))
    times, totals = rows.columns["Sold"].times, rows.columns["Total"].numbers
    assert times is not None
    assert totals is not None
    assert (times.to_pylist(), totals.to_pylist()) == ([sold], [12.5])
    assert rows.columns["No"].text.to_pylist() == ["7"]


def test_tells_what_a_text_file_is(tmp_path: Path) -> None:
    path = exports.write(tmp_path, "a.csv", ("Report\n\n" + exports.csv_text(delimiter=";")).encode("cp1252"))
    (table,) = tables_in(path)
    assert table.description == "text (Windows-1252), cells separated by semicolons, the table starts in line 3"


def test_columns_have_names_of_their_own(tmp_path: Path) -> None:
    (table,) = tables_in(exports.write(tmp_path, "a.csv", " No ,Tax,Tax,,x\n1,2,3,4,5\n"))
    assert table.columns == ["No", "Tax", "Tax (2)", "column 4", "x"]
    (table,) = tables_in(
        exports.write(tmp_path, "b.csv", "1,2024-05-04 12:00,Norwich,9\n2,2024-05-04 12:10,Norwich,9\n")
    )
    assert table.columns == ["column 1", "column 2", "column 3", "column 4"]
    assert len(records(tmp_path / "b.csv")) == 2


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ('"10" Margherita"', '10" Margherita'),
        ('12" Pepperoni', '12" Pepperoni'),
        ('"12"" Hawaiian"', '12" Hawaiian'),
        ('"Margherita', '"Margherita'),
        ('Margherita"', 'Margherita"'),
        ('"Margherita, large"', "Margherita, large"),
        ('"Margherita\nextra cheese"', "Margherita\nextra cheese"),
        ('""', None),
    ],
)
def test_quotes_that_tills_get_wrong_cost_no_row(tmp_path: Path, cell: str, name: str | None) -> None:
    rows = [f"{number},Norwich,{cell if number == 2 else 'Funghi'},{number}" for number in range(1, 9)]
    found = read(tmp_path, "\n".join(["No,Shop,Pizza,Total", *rows]))
    assert [row["No"] for row in found] == [str(number) for number in range(1, 9)]
    assert found[1].get("Pizza") == name
    assert found[1]["Total"] == "2"


def test_an_open_quote_in_the_header_or_the_last_row(tmp_path: Path) -> None:
    assert [row["No"] for row in read(tmp_path, 'No,Pizza\n1,a\n2,"b')] == ["1", "2"]
    assert len(read(tmp_path, 'No,"Pizza\n1,a\n2,b\n')) == 2


def test_rows_with_too_few_or_too_many_cells(tmp_path: Path) -> None:
    path = exports.write(
        tmp_path, "a.csv", "No,Shop,Total\n1,Norwich,5\n2,Norwich\n3,Norwich,5,,\n4,Norwich,5,x\n5,a,b\n"
    )
    found = records(path)
    assert found == [
        {"No": "1", "Shop": "Norwich", "Total": "5"},
        {"No": "2", "Shop": "Norwich", "Total": None},
        {"No": "3", "Shop": "Norwich", "Total": "5"},
        {"line": "4,Norwich,5,x"},
        {"No": "5", "Shop": "a", "Total": "b"},
    ]


def test_batches_and_blocks_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "BLOCK_BYTES", 1000)
    lines = ["No,Shop,Pizza"]
    for number in range(3000):
        odd = {3: ",x", 5: None}.get(number % 100, "")
        pizza = {0: "Margherita", 1: '"a, b"', 2: '12" c', 4: '"d\nd"', 6: '"open'}.get(number % 100, "e")
        lines.append(f"{number}" if odd is None else f"{number},Norwich,{pizza}{odd}")
    found = read(tmp_path, "\r\n".join(lines))
    numbers = [int(str(row.get("No") or row["line"]).split(",")[0]) for row in found]
    assert numbers == list(range(3000))


def test_memory_is_bounded_by_a_batch(tmp_path: Path) -> None:
    exports.write(
        tmp_path, "a.csv", "No,Shop\n" + "".join(f"{number},Norwich Riverside\n" for number in range(600_000))
    )
    (table,) = tables_in(tmp_path / "a.csv")
    sizes = [len(rows) for rows in table.batches()]
    assert sum(sizes) == 600_000
    assert max(sizes) < 300_000


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_file_that_ends_within_a_character(tmp_path: Path, mark: bytes) -> None:
    assert read(tmp_path, mark + "No,Pizza\n1,Jalapeño\n2,a".encode() + b"\xc3")[1] == {"No": "2", "Pizza": "a\ufffd"}


def test_json_that_ends_early_or_has_other_things_in_it(tmp_path: Path) -> None:
    assert read(tmp_path, '[{"No": 1}, {"No": 2}, {"No": ', "a.json") == [{"No": "1"}, {"No": "2"}, {"line": '{"No": '}]
    lines = '{"No": 1}\n\n[2]\n{"No": 3\n'
    assert read(tmp_path, lines, "a.ndjson") == [{"No": "1"}, {"line": "[2]"}, {"line": '{"No": 3'}]
    nested = [{"No": 1, "shop": {"name": "Norwich"}, "pizzas": ["a", "b"], "paid": True}]
    assert read(tmp_path, json.dumps(nested), "b.json") == [
        {"No": "1", "shop.name": "Norwich", "pizzas": '["a", "b"]', "paid": "TRUE"}
    ]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "is empty. Export it again."),
        (b"\n\n", "is empty. Export it again."),
        (b"hello\nworld\n", "must hold a table"),
        (b"\x00\x01\x02\x03\xff" * 100, "is no text and no format that is known here"),
        (b"%PDF-1.4 ...", "is a PDF"),
        (b"<html><table></table></html>", "is a web page"),
        (b"<?xml version='1.0'?><a/>", "is XML"),
        (b"PAR1 but not really", "could not be read"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 600, "could not be read"),
        (gzip.compress(b"No,Shop\n1,a\n" * 9999)[:-40], "could not be read"),
        (exports.zipped(), "holds 0 files"),
        (exports.xlsx({"Empty": []}), "has no sheet with a table of orders"),
        (",".join(f"c{n}" for n in range(10_000)).encode() + b"\n" + b"1," * 9_999 + b"1\n", "has 10,000 columns"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_sentence(tmp_path: Path, data: bytes, told: str) -> None:
    with pytest.raises(SourceError, match=re.escape(told)):
        read(tmp_path, data)


def test_a_name_that_exists_is_no_pattern(tmp_path: Path) -> None:
    for name in ("till[1].csv", "till1.csv", "till [2025-09].csv", ".hidden.csv"):
        exports.write(tmp_path, name, exports.csv_text())
    assert [path.name for path in matching(str(tmp_path / "till[1].csv"))] == ["till[1].csv"]
    assert [path.name for path in matching(str(tmp_path / "till [2025-09].csv"))] == ["till [2025-09].csv"]
    assert len(matching(str(tmp_path))) == len(matching(str(tmp_path / "*.csv"))) == 3
    with pytest.raises(SourceError, match="Found no file"):
        matching(str(tmp_path / "*.xlsx"))


NAMES = st.text(st.sampled_from(list('ab",;\n\r\t é')), max_size=6)


def _marked(names: list[str], delimiter: str) -> Iterator[str]:
    for number, name in enumerate(names):
        yield f"R{number:04}{delimiter}{name}{delimiter}Norwich"


@settings(max_examples=300, deadline=None)
@given(names=st.lists(NAMES, min_size=1, max_size=12), delimiter=st.sampled_from(",;\t"))
def test_no_row_vanishes_whatever_stands_in_a_cell(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], delimiter: str
) -> None:
    folder = tmp_path_factory.mktemp("export")
    header = delimiter.join(("No", "Pizza", "Shop"))
    names = [*names, *["Margherita"] * 20]
    content = "\n".join([header, *_marked(names, delimiter)])
    found = json.dumps(read(folder, content.encode()))
    assert sorted(re.findall(r"R\d{4}", found)) == [f"R{number:04}" for number in range(len(names))]


def _named(data: bytes, old: str, new: str) -> bytes:
    """Return an OLE file with a stream of another name."""
    names = [name.encode("utf-16-le") for name in (old, new)]
    at = data.index(names[0])
    entry = names[1] + bytes(64 - len(names[1])) + (len(names[1]) + 2).to_bytes(2, "little")
    return data[:at] + entry + data[at + 66 :]


def _with_file_pass(data: bytes) -> bytes:
    """Return an .xls whose second record says that it is encrypted."""
    at = data.index(b"\x09\x08\x10\x00\x00\x06") + 20
    return data[:at] + b"\x2f\x00" + data[at + 2 :]


@pytest.mark.parametrize(
    "data",
    [
        _named(exports.XLS, "Workbook", "EncryptedPackage"),
        _with_file_pass(exports.XLS),
        exports.zipped(
            **{
                "mimetype": b"application/vnd.oasis.opendocument.spreadsheet",
                "META-INF/manifest.xml": b"<manifest><file-entry><encryption-data/></file-entry></manifest>",
                "content.xml": b"\x00\x01",
            }
        ),
    ],
    ids=["xlsx", "xls", "ods"],
)
def test_a_workbook_with_a_password_is_told_in_one_sentence(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(SourceError, match=r"is protected by a password\. Open it, save it without one"):
        tables_in(exports.write(tmp_path, "sales.xlsx", data))


@pytest.mark.parametrize("name", ["export.csv", "export.xlsx", "export.ndjson", "export.parquet"])
def test_a_file_that_changes_while_it_is_read(tmp_path: Path, name: str) -> None:
    files = exports.in_every_format()
    data = {
        "export.csv": files["utf-8.csv"],
        "export.xlsx": files["sheet.xlsx"],
        "export.ndjson": files["lines.ndjson"],
        "export.parquet": files["table.parquet"],
    }[name]
    path = exports.write(tmp_path, name, data)
    (table,) = tables_in(path)
    assert sum(len(rows) for rows in table.batches()) == 2
    path.write_bytes(data[: len(data) - 7])
    with pytest.raises(SourceError, match=r"changed while it was read\. Wait until it is written"):
        list(table.batches())


def test_more_columns_than_any_export_has_in_each_format(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(2_001)]
    for data in (
        ",".join(names).encode() + b"\n" + b",".join([b"1"] * 2_001) + b"\n",
        json.dumps(dict.fromkeys(names, 1)).encode() + b"\n",
        exports.parquet([tuple("1" for _ in names)], names),
    ):
        with pytest.raises(SourceError, match=r"has 2,001 columns; an export of orders has at most 2,000"):
            tables_in(exports.write(tmp_path, "wide", data))


def test_a_long_line_of_json_is_cut_and_nothing_vanishes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pizza_assets.orders.till.json_files._JSON_BYTES", 64)
    lines = [{"Order No": n, "Shop": "Leeds"} for n in range(3)] + [{"Order No": 9, "Shop": "L" * 200}]
    path = exports.write(tmp_path, "a.ndjson", "\n".join(map(json.dumps, lines)))
    (table,) = tables_in(path)
    read = list(table.batches())
    whole = "".join(rows.broken[at][0] for rows in read for at in sorted(rows.broken))
    assert whole == json.dumps(lines[-1])
    assert sum(len(rows) - len(rows.broken) for rows in read) == 3


def test_mutated_exports_lose_no_row(tmp_path: Path) -> None:
    from benchmarks.fuzz_tills import FORMATS, run

    lines: list[str] = []
    assert run(list(FORMATS), 5, 2024, lines.append) == 0, lines
