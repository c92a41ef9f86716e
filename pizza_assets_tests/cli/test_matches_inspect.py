"""``pizza-assets matches inspect``, and an answer from exports and fixtures alone."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from pizza_assets.cli import main

ROWS = """Div,Date,Time,HomeTeam,AwayTeam,FTHG,FTAG
E0,04/05/2024,15:00,Norwich,Leeds,2,1
E0,04/05/2024,15:00,Norwich City,Leeds,2,1
E0,11/05/2024,,Leeds,Nobody United,,
E0,32/05/2024,15:00,Leeds,Hull,1,0
"""


def test_inspect_says_what_files_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("E0.csv").write_text(ROWS)
    result = CliRunner().invoke(main, ["matches", "inspect", "E0.csv"])
    assert result.exit_code == 0, result.output
    for line in (
        "football-data.co.uk, text (UTF-8), cells separated by commas; PL; 3 matches from 2024-05-04 to 2024-05-11",
        "Times: Europe/London.",
        "PL, season from 2024-05-04 to 2024-05-11: 2 matches; others may follow its last day, which are unknown.",
        "1 matches without a time: they are not analysed, and their days are in no baseline.",
        "4 rows = 2 matches + 1 that tell of a match again + 1 rejected.",
        "Told again, for example row 1 of E0.csv: the same match stands in row 2 of E0.csv.",
        "Rejected, for example row 4 of E0.csv: date = '32/05/2024': expected a date such as",
        "1 clubs without a city: their matches are not analysed. Add them by CLUBS_FILE:",
        "Nobody United (PL): 1 match",
        "Next: MATCHES_FILES='E0.csv'",
    ):
        assert line in result.output


def test_what_cannot_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notes.txt").write_text("nothing but words\n")
    result = CliRunner().invoke(main, ["matches", "inspect", "notes.txt", "none.csv"])
    assert result.exit_code == 1
    assert "notes.txt must hold a table" in result.output
    assert "Found no file" in result.output
