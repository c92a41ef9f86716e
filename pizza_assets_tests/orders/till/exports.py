"""Exports for tests, in every format that a till writes."""

import base64
import gzip
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from xml.sax.saxutils import escape

import pyarrow
import pyarrow.parquet

Cell = str | int | float | datetime | None

HEADER = ("Receipt", "Sold at", "Shop", "Total", "Pizzas", "Qty")
ROWS: Sequence[Sequence[Cell]] = (
    ("R1", "2024-05-04 12:00", "Norwich", 10.5, "Jalapeño", 1),
    ("R2", "2024-05-04 12:10", "Norwich", 11, "Margherita", 2),
)


def csv_text(rows: Sequence[Sequence[Cell]] = ROWS, header: Sequence[str] = HEADER, delimiter: str = ",") -> str:
    lines = [delimiter.join("" if cell is None else str(cell) for cell in row) for row in (header, *rows)]
    return "\n".join(lines) + "\n"


def xlsx(sheets: Mapping[str, Sequence[Sequence[Cell]]]) -> bytes:
    """Return a workbook whose sheets hold these rows; instants are date serials in cells of a date format."""
    names = list(sheets)
    out = io.BytesIO()
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "[Content_Types].xml",
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Default Extension="xml" ContentType="application/xml"/></Types>',
        )
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}"><Relationship Id="r1" Type="{office}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
        )
        listed = "".join(f'<sheet name="{escape(n)}" sheetId="{i}" r:id="r{i}"/>' for i, n in enumerate(names, 1))
        archive.writestr(
            "xl/workbook.xml", f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>{listed}</sheets></workbook>'
        )
        links = "".join(
            f'<Relationship Id="r{i}" Type="{office}/worksheet" Target="worksheets/sheet{i}.xml"/>'
            for i in range(1, len(names) + 1)
        )
        styles = f'<Relationship Id="s" Type="{office}/styles" Target="styles.xml"/>'
        archive.writestr(
            "xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{package}">{links}{styles}</Relationships>'
        )
        archive.writestr(
            "xl/styles.xml",
            f'<styleSheet xmlns="{main}"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="22"/></cellXfs>'
            "</styleSheet>",
        )
        for number, rows in enumerate(sheets.values(), 1):
            body = "".join(_xlsx_row(at, row) for at, row in enumerate(rows, 1))
            archive.writestr(
                f"xl/worksheets/sheet{number}.xml",
                f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>',
            )
    return out.getvalue()


def _xlsx_row(at: int, row: Sequence[Cell]) -> str:
    cells = ""
    for column, cell in enumerate(row):
        where = f'r="{chr(65 + column)}{at}"'
        if isinstance(cell, datetime):
            serial = (cell - datetime(1899, 12, 30)).total_seconds() / 86400  # noqa: DTZ001  # a till's own clock
            cells += f'<c {where} s="1"><v>{serial!r}</v></c>'
        elif isinstance(cell, str):
            cells += f'<c {where} t="inlineStr"><is><t>{escape(cell)}</t></is></c>'
        elif cell is not None:
            cells += f"<c {where}><v>{cell!r}</v></c>"
    return f'<row r="{at}">{cells}</row>'


def ods(rows: Sequence[Sequence[Cell]]) -> bytes:
    out = io.BytesIO()
    ns = "urn:oasis:names:tc:opendocument:xmlns"
    body = ""
    for row in rows:
        body += "<table:table-row>"
        for cell in row:
            is_number = isinstance(cell, int | float)
            kind = f'"float" office:value="{cell}"' if is_number else '"string"'
            shown = f"<text:p>{escape(str(cell or ''))}</text:p>"
            body += f"<table:table-cell office:value-type={kind}>{shown}</table:table-cell>"
        body += "</table:table-row>"
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", f'<manifest:manifest xmlns:manifest="{ns}:manifest:1.0"/>')
        archive.writestr(
            "content.xml",
            f'<office:document-content xmlns:office="{ns}:office:1.0" xmlns:table="{ns}:table:1.0" '
            f'xmlns:text="{ns}:text:1.0"><office:body><office:spreadsheet><table:table table:name="Sheet1">{body}'
            "</table:table></office:spreadsheet></office:body></office:document-content>",
        )
    return out.getvalue()


def parquet(rows: Sequence[Sequence[Cell]] = ROWS, header: Sequence[str] = HEADER) -> bytes:
    out = io.BytesIO()
    columns = dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))
    pyarrow.parquet.write_table(pyarrow.table(columns), out)
    return out.getvalue()


def objects(rows: Sequence[Sequence[Cell]] = ROWS, header: Sequence[str] = HEADER) -> list[dict[str, Cell]]:
    return [dict(zip(header, row, strict=True)) for row in rows]


def zipped(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


#: The same two orders in the format of Excel 97, which no library here can write.
XLS = gzip.decompress(
    base64.b64decode("""
H4sIAAAAAAACA+1YTUgUURz/vdkZ1938WE0DDWQR+jKN3c0gAt0KSgg0P4IighrdIRcXdxkXQg9lmbeCoFPRRfDSxerSB3WoW4fAqEMQBFrHTk
JBB3X6v/98tKYHF1Iq5je8//w/3nu/N/M+Z97OVs1NPaqfx29oRwDLVgglBT5BKeQaEVDcsqTq3kspWT7+KYRKqSNLNDwvfxOUfSj7ex4KHqqv
SAKfKZ1DDl3ZYSO6iTjKbdCFbEMbSYF75KlAHbeqmuUAy60sH3DOFywPs+cmyzbKOyfOYjbZ1XTQGcVnlEaOVUDW+4TLfGRPHLV4LUfxlVvCzq
vhiJnWM39noEEtwzSo3zqMYcPUM3OooQ6cxncrCnxzZ+rLqO/fXL8A+X+s9AfX8N9WVGAc1gUe4JM0IOOqPQlPminDHFnEDfIB5ZSol3uNASOd
y5PWl82konqeMvcNZnMacCqb1zM0d7vTY2P6SADoyY/SgO6N0+xOxBKtLbEDLbHWaDxxKBaj8l1Z81J6YJAW7BN6Rs8ZC1mZObEqczwWBjp18+
KgYabzelhuALxgRFYsGOU8kcpIplDJehVPpwhtCYv3F9519ncnz7NnnDcJeyvZIZ8eFq7KElS4giMBuLU2cYm9LK9xrdtZr2dZQ5OA7ju7ax3l
+ATnuc7RncSzn/E+uatA30365Neepw2TX5J7SJ/pmB+rmfmQnEIjbW0pKi+vCTSLZnH3jsSzpHsXzrLziWXdqiWoVIk4bbec/bISSwizWsXStu
TbEZ6lOO/KtgJkBTxLJUv1LI0szeERa/AI5ilx8gvmCXqW5JHv/rIiLckzFHFjkifkxTSnFsmjrMGjME/Yqdnu7S2eVcijMM8+LyZ5yryY5tTS
rlTjsayUFu5fCMOHDx8+fPjw4cPHBkDwEdQ+dqt8yLQP30Hnv84SpWX/N8l/i15k6crTh+kxDNPdxGhR42cbNOHWJdZZxv1fKHGa2E0MoZ/bMV
T0+KVPMlH4POsuGPlzU6hY/uVi2rnB/D8B1hyxewAWAAA=
""")
)


def in_every_format() -> dict[str, bytes]:
    """Return the same two orders in every format, by file name."""
    text = csv_text()
    lines = "\n".join(map(json.dumps, objects())) + "\n"
    table = [HEADER, *ROWS]
    return {
        "utf-8.csv": text.encode(),
        "mark.csv": b"\xef\xbb\xbf" + text.encode(),
        "utf-16.csv": text.encode("utf-16"),
        "utf-16-without-mark.txt": text.encode("utf-16-le"),
        "windows.csv": text.encode("cp1252"),
        "windows-line-ends.csv": text.replace("\n", "\r\n").encode(),
        "mac-line-ends.csv": text.replace("\n", "\r").encode(),
        "tabs.tsv": csv_text(delimiter="\t").encode(),
        "semicolons.txt": csv_text(delimiter=";").encode(),
        "bars.txt": csv_text(delimiter="|").encode(),
        "sep.csv": b"sep=;\n" + csv_text(delimiter=";").encode(),
        "report.csv": b"Sales report\nFrom 2024-05-04, to 2024-05-04\n\n" + text.encode(),
        "gzip.csv.gz": gzip.compress(text.encode()),
        "zip.zip": zipped(**{"orders.csv": text.encode()}),
        "sheet.xlsx": xlsx({"Orders": table}),
        "report.xlsx": xlsx({"Summary": [("Sales report",)], "Orders": [("Sales report",), (), *table]}),
        "sheet.xlsx.gz": gzip.compress(xlsx({"Orders": table})),
        "old.xls": XLS,
        "open.ods": ods(table),
        "lines.ndjson": lines.encode(),
        "array.json": json.dumps(objects()).encode(),
        "object.json": json.dumps({"from": "2024-05-04", "orders": objects()}).encode(),
        "table.parquet": parquet([(*row[:3], float(row[3] or 0), *row[4:]) for row in ROWS]),
        "zipped.zip": zipped(**{"orders.parquet": parquet([(*row[:3], float(row[3] or 0), *row[4:]) for row in ROWS])}),
    }


def write(folder: Path, name: str, data: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path
