"""The page in a browser: filters, drill-down, deep links, keyboard, and what data may not do to it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from pizza_assets.dashboard.page import render
from pizza_assets.dashboard.serve import server
from pizza_assets.lake import layout, open_lake
from pizza_assets.settings import Settings
from pizza_assets_tests.browser.conftest import Open, gzipped_kib
from pizza_assets_tests.dashboard.worlds import FIRST, HOSTILE, World, both, empty_frames, frames_of, many

SEASON = World()


def drawn(tab: Any) -> None:
    """Wait until every chart shows the current filter."""
    tab.wait_for_timeout(60)


def text(tab: Any, selector: str) -> str:
    return str(tab.locator(selector).inner_text())


def cards(tab: Any) -> dict[str, str]:
    return {
        card.locator("h2").inner_text(): card.locator(".figure").inner_text() for card in tab.locator(".card").all()
    }


def rows(tab: Any, table: str) -> list[list[str]]:
    return [line.locator("td").all_inner_texts() for line in tab.locator(f"#{table}-table tbody tr").all()]


def dots(tab: Any) -> int:
    return int(tab.locator("#matches-chart .mark-symbol.layer_2_marks path, #matches-chart .mark-symbol path").count())


def test_the_headline_answers_with_its_uncertainty(open_page: Open) -> None:
    tab = open_page("season", frames_of(SEASON))
    effect = frames_of(SEASON)["effects"].query("scope == 'all' and time_window == 'during_match'").iloc[0]
    assert f"+{effect['uplift_pct']:.1f}" in text(tab, "#headline")
    assert text(tab, "#headline").startswith("Yes")
    assert f"+{effect['ci_low']:.1f} to +{effect['ci_high']:.1f} %" in text(tab, "#lead")
    assert "MOCK DATA" in text(tab, "#banner")
    assert "+10.5 % before, +35.0 % during" in text(tab, "#banner")


def noted(tab: Any, name: str) -> int:
    """Return the milliseconds from opening the page until its charts were drawn: those in sight, or all."""
    return int(tab.evaluate(f"Number(document.documentElement.dataset.{name})"))


def test_every_visual_is_drawn_and_the_page_is_small(
    open_page: Open, page_file: Any, record_property: Callable[[str, object], None]
) -> None:
    tabs = [open_page("season", frames_of(SEASON)) for _ in range(5)]
    tab = tabs[-1]
    record_property("charts in sight drawn in, ms, median of 5", median(noted(tab, "seen") for tab in tabs))
    record_property("drawn in, ms, median of 5", median(noted(tab, "drawn") for tab in tabs))
    size = gzipped_kib(page_file("season", frames_of(SEASON)))
    record_property("size gzipped, KiB", size)
    assert size <= 400
    for chart in ("days", "profile", "teams", "matches", "match", "retail"):
        assert tab.locator(f"#{chart}-chart svg").first.bounding_box()["height"] > (60 if chart == "retail" else 100)


def test_a_mark_tells_its_row(open_page: Open) -> None:
    tab = open_page("season", frames_of(SEASON))
    tab.locator("#days-chart .layer_1_marks path").nth(20).hover()
    told = text(tab, "#tip").split("\n")
    shown = dict(zip(told[::2], told[1::2], strict=True))
    daily = frames_of(SEASON)["daily"].query("day == @shown['Day UTC']")
    assert shown["Orders"] == str(daily["orders"].sum())
    assert shown["Kind"] == ("match day" if daily["is_match_day"].any() else "other day")
    tab.mouse.move(5, 5)
    assert not tab.locator("#tip").is_visible()


def test_old_data_is_called_old(open_page: Open) -> None:
    tab = open_page("season", frames_of(SEASON))
    assert "OLD DATA: the newest orders are of 2026-01-18" in text(tab, "#stale")


def test_new_data_is_not_called_old(open_page: Open) -> None:
    frames = frames_of(SEASON)
    fresh = {**frames, "meta": frames["meta"].assign(data_until="2037-12-31")}
    tab = open_page("fresh", fresh)
    assert tab.locator("#stale").count() == 0


def test_the_team_filter_acts_on_every_visual_it_can(open_page: Open) -> None:
    frames = frames_of(SEASON)
    tab = open_page("season", frames)
    tab.select_option("#team", "Leeds FC")
    drawn(tab)
    matches = frames["matches"].query("team == 'Leeds FC'")
    effect = frames["effects"].query("scope == 'team:Leeds FC' and time_window == 'during_match'").iloc[0]
    shown = cards(tab)
    assert shown["During, 2 h"] == f"+{effect['uplift_pct']:.1f} %"
    assert shown["Matches in the filter"] == str(matches["match_id"].nunique())
    orders = frames["daily"].query("city == 'Leeds' and expected == expected")["orders"].sum()
    assert shown["Orders on these days"] == f"{orders:,}"
    assert "when Leeds FC plays" in text(tab, "#headline")
    assert "city of Leeds FC" in text(tab, "#days-cannot")
    assert "cannot follow team" in text(tab, "#profile-cannot")
    assert "cannot follow team" in text(tab, "#certainty-cannot")
    assert f"{len(matches)} matches: matches of Leeds FC" in text(tab, "#list-says")
    assert {row[4] for row in rows(tab, "list")} == {"Leeds"}
    assert any("team: Leeds FC" in row[0] for row in rows(tab, "certainty"))
    assert tab.locator("#teams-chart .mark-symbol path").count() == 1


def test_the_match_type_filter_uses_the_published_scope(open_page: Open) -> None:
    frames = frames_of(SEASON)
    tab = open_page("season", frames)
    tab.select_option("#type", "tournament")
    drawn(tab)
    effect = frames["effects"].query("scope == 'significance:tournament' and time_window == 'during_match'").iloc[0]
    assert cards(tab)["During, 2 h"] == f"+{effect['uplift_pct']:.1f} %"
    assert {row[3] for row in rows(tab, "list")} == {"tournament"}
    assert tab.locator("#profile-chart figcaption").all_inner_texts() == ["tournament"]
    match_days = frames["matches"].query("match_type == 'tournament'")["kickoff_ts"].dt.date.nunique()
    assert f"of {match_days} match days" in text(tab, "#days-says")


def test_dates_are_estimated_here_and_said_to_be_approximate(open_page: Open) -> None:
    frames = frames_of(SEASON)
    tab = open_page("season", frames)
    first, last = FIRST + timedelta(weeks=2), FIRST + timedelta(weeks=13)
    tab.fill("#from", first.isoformat())
    tab.fill("#to", last.isoformat())
    drawn(tab)
    inside = frames["matches"][frames["matches"]["kickoff_ts"].dt.date.between(first, last)]
    units = inside[inside["is_clean"]].drop_duplicates(["city", "kickoff_ts"])
    uplift = 100 * (units["orders"].sum() / units["expected"].sum() - 1)
    assert cards(tab)["During, 2 h"] == f"+{uplift:.1f} %"
    assert cards(tab)["2 h before kick-off"] == "not filtered"
    assert "Approximate" in text(tab, "#lead")
    assert cards(tab)["Matches in the filter"] == str(inside["match_id"].nunique())
    assert all(first.isoformat() <= row[2][:10] <= last.isoformat() for row in rows(tab, "list"))


def test_the_approximation_agrees_with_the_published_interval(open_page: Open) -> None:
    """Without the baseline's error an interval is about as wide: dates that leave nothing out show it."""
    frames = frames_of(SEASON)
    tab = open_page("season", frames, "#from=2025-01-01")
    effect = frames["effects"].query("scope == 'all' and time_window == 'during_match'").iloc[0]
    low, high = (float(part) for part in text(tab, ".card:nth-child(2) .small").split(" %")[0].split(" to "))
    assert low == pytest.approx(effect["ci_low"], abs=3)
    assert high == pytest.approx(effect["ci_high"], abs=5)


def test_too_few_matches_give_no_number(open_page: Open) -> None:
    tab = open_page("season", frames_of(SEASON), "#from=2025-10-01&to=2025-10-14")
    assert text(tab, "#headline").startswith("Too little data to say")
    assert cards(tab)["During, 2 h"] == "insufficient"
    assert "at least 10 in 8 weeks" in text(tab, "#lead")
    assert "Too few matches for any team" in text(tab, "#teams-chart")


def test_sources_are_never_pooled(open_page: Open) -> None:
    real, mock = frames_of(World(uplift=0.0), "real"), frames_of(SEASON)
    tab = open_page("both", both(real, mock))
    assert "REAL AND MOCK DATA" in text(tab, "#banner")
    assert tab.locator("#source option").all_inner_texts() == ["real", "mock"]
    assert tab.input_value("#source") == "real"
    effect = {
        source: frames["effects"].query("scope == 'all' and time_window == 'during_match'")["uplift_pct"].iloc[0]
        for source, frames in (("real", real), ("mock", mock))
    }
    assert cards(tab)["During, 2 h"].replace("−", "-") == f"{effect['real']:+.1f} %"
    tab.select_option("#source", "mock")
    drawn(tab)
    assert cards(tab)["During, 2 h"] == f"{effect['mock']:+.1f} %"
    assert "source=mock" in tab.url


def test_a_click_on_a_dot_opens_its_match_with_its_goals(open_page: Open) -> None:
    frames = frames_of(SEASON)
    tab = open_page("season", frames, "#team=Leeds FC")
    dot = tab.locator("#matches-chart .mark-symbol path").nth(2)
    dot.scroll_into_view_if_needed()
    box = dot.bounding_box()
    tab.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tab.wait_for_url("**#*match=*")
    drawn(tab)
    chosen = tab.url.split("match=")[1]
    sides = frames["matches"].query(f"match_id == '{chosen}'")
    home = sides[sides["is_home"]].iloc[0]
    assert f"{home['team']} v {home['opponent']}, {home['goals_for']}–{home['goals_against']}" in text(
        tab, "#match-title"
    )
    goals = int(sides["goals_for"].sum())
    assert tab.locator("#match-chart figure").first.locator(".mark-rule line[stroke='var(--third)']").count() == goals
    assert tab.locator("#match-chart figure").count() == sides["city"].nunique()
    assert tab.locator("#list-table tr.chosen").count() <= 1


def test_a_match_opens_by_its_link_and_by_the_keyboard(open_page: Open) -> None:
    tab = open_page("season", frames_of(SEASON))
    link = tab.locator("#list-table a").nth(3)
    name = link.inner_text()
    link.focus()
    tab.keyboard.press("Enter")
    drawn(tab)
    assert name in text(tab, "#match-title")
    assert tab.evaluate("document.activeElement.textContent") == name, "the focus stays where it was"
    tab.keyboard.press("Escape")
    drawn(tab)
    assert "match=" not in tab.url
    tab.get_by_role("button", name="‹ Earlier").focus()
    tab.keyboard.press("Enter")
    drawn(tab)
    assert "match=" in tab.url


def test_a_deep_link_restores_the_view_and_back_goes_back(open_page: Open) -> None:
    frames = frames_of(SEASON)
    match = frames["matches"].query("team == 'Leeds FC'").iloc[3]
    tab = open_page("season", frames, f"#match={match['match_id']}&team=Leeds+FC&type={match['match_type']}")
    assert tab.input_value("#team") == "Leeds FC"
    assert tab.input_value("#type") == match["match_type"]
    assert match["team"] in text(tab, "#match-title")
    before = text(tab, "#headline")
    tab.get_by_role("button", name="Reset").click()
    assert text(tab, "#headline") != before
    tab.go_back()
    assert text(tab, "#headline") == before


@pytest.mark.parametrize("hash_", ["#team=Nobody", "#match=none&from=yesterday", "#source=other&type=x", "#%E0%A4%A"])
def test_a_link_to_nothing_opens_the_whole_season(open_page: Open, hash_: str) -> None:
    tab = open_page("season", frames_of(SEASON), hash_)
    assert tab.input_value("#team") == ""
    assert text(tab, "#headline").startswith("Yes")


def test_the_page_is_reached_by_the_keyboard_alone(open_page: Open) -> None:
    tab = open_page("season", frames_of(SEASON))
    seen = []
    for _ in range(12):
        tab.keyboard.press("Tab")
        seen.append(tab.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert seen[:2] == ["skip", "theme"]
    assert {"team", "type", "source", "from", "to"} <= set(seen)


def test_every_column_of_the_certainty_table_sorts_both_ways(open_page: Open) -> None:
    tab = open_page("season", frames_of(SEASON))
    tab.get_by_role("button", name="Show all").last.click()
    heads = tab.locator("#certainty-table th")
    for i in range(heads.count()):
        orders = []
        for _ in range(2):
            heads.nth(i).locator("button").click()
            direction = heads.nth(i).get_attribute("aria-sort")
            orders.append((direction, [row[i] for row in rows(tab, "certainty")]))
        assert {direction for direction, _ in orders} == {"ascending", "descending"}
        assert orders[0][1] != orders[1][1] or len(set(orders[0][1])) == 1


def test_the_sort_keeps_the_focus(open_page: Open) -> None:
    tab = open_page("season", frames_of(SEASON))
    button = tab.locator("#certainty-table th button").nth(3)
    button.focus()
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.textContent") == "Estimate"


def test_hostile_names_stay_names(open_page: Open) -> None:
    frames = frames_of(World(teams=HOSTILE))
    frames = {**frames, "retail": frames["retail"].replace({"category": {"frozen pizza": HOSTILE[0]}})}
    tab = open_page("hostile", frames)
    assert tab.locator("#team option").all_inner_texts()[1:] == sorted(HOSTILE)
    for team in HOSTILE:
        tab.select_option("#team", team)
        drawn(tab)
        assert f"when {' '.join(team.split())} plays" in " ".join(text(tab, "#headline").split())
    tab.locator("#list-table a").first.click()
    drawn(tab)
    assert any(row[0] == HOSTILE[0] for row in rows(tab, "shops"))
    assert tab.locator("img, iframe, script[src]").count() == 0
    assert tab.locator("script").count() == 4, "the two of data and the two of code"


def test_the_policy_forbids_inline_code_and_the_network(open_page: Open, page_file: Any, browser: Any) -> None:
    context = browser.new_context()
    tab = context.new_page()
    broken: list[str] = []
    tab.expose_function("told", lambda directive: broken.append(directive))  # noqa: PLW0108 Playwright inspects the function
    tab.add_init_script("document.addEventListener('securitypolicyviolation', e => told(e.violatedDirective))")
    tab.goto(page_file("season", frames_of(SEASON)).as_uri())
    tab.locator("html[data-drawn]").wait_for(state="attached")
    assert broken == [], "the page itself keeps its policy"
    tab.evaluate(
        """async () => {
        const script = document.createElement('script');
        script.textContent = 'window.hacked = 1';
        document.body.append(script);
        const image = new Image();
        image.src = 'https://example.com/x.png';
        await fetch('https://example.com/').catch(() => {});
        try { window.hacked = window.hacked || new Function('return 2')(); } catch {}
        await new Promise((resolve) => setTimeout(resolve, 50));
    }"""
    )
    # Playwright's own evaluate is exempt from the policy on eval, so new Function is judged by the header alone.
    assert {"script-src-elem", "img-src", "connect-src"} <= set(broken)
    policy = tab.locator("meta[http-equiv]").get_attribute("content")
    assert "unsafe" not in policy
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing(
    open_page: Open, scheme: str, width: int, record_property: Callable[[str, object], None]
) -> None:
    sync = pytest.importorskip("axe_playwright_python.sync_playwright")
    tab = open_page(
        "season", frames_of(SEASON), color_scheme=scheme, viewport={"width": width, "height": 800}, bypass_csp=True
    )
    found = sync.Axe().run(tab)
    record_property(f"axe violations, {scheme} {width} px", found.violations_count)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("width", [390, 820, 1280])
def test_nothing_is_wider_than_the_screen(open_page: Open, width: int) -> None:
    tab = open_page("season", frames_of(SEASON), viewport={"width": width, "height": 800})
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_dark_mode_and_print_change_the_colours(open_page: Open) -> None:
    tab = open_page("season", frames_of(SEASON), color_scheme="light")
    paper = "getComputedStyle(document.body).backgroundColor"
    light = tab.evaluate(paper)
    tab.get_by_role("button", name="Dark").click()
    dark = tab.evaluate(paper)
    assert dark != light
    assert text(tab, "#theme") == "Light"
    tab.emulate_media(media="print")
    assert tab.evaluate(paper) == "rgb(255, 255, 255)"
    assert not tab.locator("#filters").is_visible()


def test_an_empty_lake_says_so(open_page: Open) -> None:
    tab = open_page("empty", empty_frames())
    assert text(tab, "#headline").startswith("Too little data to say")
    assert "No match in this filter" in text(tab, "#list-table")
    assert "No day with orders" in text(tab, "#days-chart")
    assert "Nothing was tested" in text(tab, "#certainty-table")
    assert "No analysis of any sales in shops" in text(tab, "#retail-chart")
    assert text(tab, "#shops-table") == "None."


def test_a_season_without_a_finding_claims_none(open_page: Open) -> None:
    frames = frames_of(World(uplift=0.0))
    verdict = frames["effects"].query("scope == 'all' and time_window == 'during_match'")["verdict"].iloc[0]
    assert verdict == "no effect found"
    tab = open_page("nothing", frames)
    assert text(tab, "#headline").startswith("Not shown: the data is compatible with no effect")


def test_one_team_is_enough(open_page: Open) -> None:
    tab = open_page("one", frames_of(World(cities=("London", "Leeds", "Brighton"), teams=("London FC",))))
    assert tab.locator("#team option").count() == 3, "all, the team, and its visitors"
    assert "London FC" in text(tab, "#list-table")


def test_ten_thousand_matches_open(open_page: Open, record_property: Callable[[str, object], None]) -> None:
    frames = many(frames_of(SEASON), 168)
    count = frames["matches"]["match_id"].nunique()
    assert count >= 10_000
    tab = open_page("many", frames)
    record_property("drawn in with 10,000 matches, ms", noted(tab, "drawn"))
    assert cards(tab)["Matches in the filter"] == f"{count:,}"


def test_the_page_needs_no_script_to_say_something(browser: Any, page_file: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(page_file("season", frames_of(SEASON)).as_uri())
    assert "Orders during the match over all matches: +" in tab.content()
    context.close()


def test_rendering_is_the_same_every_time() -> None:
    frames = frames_of(SEASON)
    assert render(frames) == render(frames)


def test_screenshots(open_page: Open, tmp_path: Path) -> None:
    """A whole-page picture can be taken at every width: nothing is animated or loaded late."""
    tab = open_page("season", frames_of(SEASON))
    target = tmp_path / "page.png"
    tab.screenshot(path=target, full_page=True)
    assert target.stat().st_size > 50_000


def _signed(value: float, digits: int = 1) -> str:
    return f"{'−' if value < 0 else '+'}{abs(value):.{digits}f}"


def _missing(value: Any) -> bool:
    return value is None or value != value  # noqa: PLR0124 NaN is not itself


def test_golden_every_number_of_the_certainty_table_is_the_csvs(open_page: Open) -> None:
    frames = frames_of(SEASON)
    tab = open_page("season", frames)
    tab.locator("#certainty-table").get_by_role("button", name="Show all").click()
    window = {"pre_match": "2 h before", "during_match": "2 h during", "post_match": "2 h after", "day": "24 h from"}
    expected = []
    for name, column, digits, unit in (("effects", "uplift_pct", 1, " %"), ("correlations", "r", 2, "")):
        for row in frames[name].to_dict("records"):
            low, high = row["ci_low"], row["ci_high"]
            expected.append(
                (
                    window[row["time_window"]],
                    "–" if _missing(row[column]) else f"{_signed(row[column], digits)}{unit}",
                    "–" if _missing(low) else f"{_signed(low, digits)} to {_signed(high, digits)}{unit}",
                    f"{row['n_matches']:,}",
                    row["verdict"],
                )
            )
    shown = [(row[1], row[3], row[4], row[5], row[8].split(" ", 1)[1]) for row in rows(tab, "certainty")]
    assert sorted(shown) == sorted(expected)


def test_golden_every_number_of_the_match_table_is_the_csvs(open_page: Open) -> None:
    frames = frames_of(SEASON)
    tab = open_page("season", frames)
    tab.locator("#list-table").get_by_role("button", name="Show all").click()
    expected = []
    for row in frames["matches"].query("is_home").to_dict("records"):
        known = not _missing(row["uplift_pct"])
        expected.append(
            [
                f"{row['team']} v {row['opponent']}",
                f"{row['goals_for']}–{row['goals_against']}",
                f"{row['kickoff_ts']:%Y-%m-%d %H:%M}",
                row["match_type"],
                row["city"],
                f"{row['orders']:,}",
                f"{row['expected']:.1f}",
                f"{_signed(row['uplift_pct'])} %" if known else "–",
                f"{_signed(row['ci_low'])} to {_signed(row['ci_high'])} %" if known else "–",
                "yes" if row["is_clean"] else "no",
            ]
        )
    shown = rows(tab, "list")
    assert len(shown) == len(expected)
    differing = [(a, b) for a, b in zip(sorted(shown), sorted(expected), strict=True) if a != b]
    assert all(_differs_by_rounding(a, b) for a, b in differing), differing[:3]


def _differs_by_rounding(shown: list[str], expected: list[str], of_numbers: slice = slice(5, 9)) -> bool:
    """Python rounds a half to even, JavaScript the binary number: a last digit may differ by one."""

    def numbers(cells: list[str]) -> list[float]:
        text = " ".join(cells[of_numbers]).replace("−", "-").replace("+", "").replace(",", "")
        return [float(part) for part in text.split() if part not in {"to", "%", "–"}]

    is_same = shown[: of_numbers.start] == expected[: of_numbers.start]
    return is_same and numbers(shown) == pytest.approx(numbers(expected), abs=0.1001)


def test_golden_every_number_about_the_shops_is_the_csvs(open_page: Open) -> None:
    frames = frames_of(SEASON)
    tab = open_page("season", frames)
    tab.locator("#shops-table").get_by_role("button", name="Show all").click()
    window = {"pre_match": "2 h before", "during_match": "2 h during", "post_match": "2 h after", "day": "24 h from"}
    expected = [
        [
            row["category"],
            "All cities" if row["city"] == "all" else row["city"],
            window[row["time_window"]],
            f"{row['items']:,}",
            f"{row['expected']:.1f}",
            "–" if _missing(row["uplift_pct"]) else f"{_signed(row['uplift_pct'])} %",
            "–" if _missing(row["ci_low"]) else f"{_signed(row['ci_low'])} to {_signed(row['ci_high'])} %",
            f"{row['n_matches']:,}",
            row["verdict"],
        ]
        for row in frames["retail"].to_dict("records")
    ]
    shown = [[*row[:8], row[9].split(" ", 1)[1]] for row in rows(tab, "shops")]
    pairs = list(zip(sorted(shown), sorted(expected), strict=True))
    assert all(a == b or _differs_by_rounding(a, b, slice(4, 7)) for a, b in pairs)
    during = frames["retail"].query("city == 'all' and time_window == 'during_match'")
    assert tab.locator("#retail-chart .mark-symbol path").count() == len(during) == 2
    assert set(during["verdict"]) == {"higher", "no effect found"}
    assert text(tab, "#retail-says") == (
        "140 days of mock sales up to 2026-01-18. Proven higher during matches: frozen pizza."
    )


def test_sales_in_shops_follow_the_source_and_say_what_they_cannot_follow(open_page: Open) -> None:
    real, mock = frames_of(World(weeks=4, uplift=0.0), "real"), frames_of(SEASON)
    tab = open_page("shops", both(real, mock))
    assert "That is too little to say: a number needs at least 10 kick-offs in 8 weeks" in text(tab, "#retail-says")
    assert "28 days of real sales" in text(tab, "#retail-says")
    assert "Insufficient" in text(tab, "#retail-chart")
    assert {row[9] for row in rows(tab, "shops")} == {"… insufficient"}
    assert {row[5] for row in rows(tab, "shops")} == {"–"}
    tab.select_option("#source", "mock")
    drawn(tab)
    assert "Proven higher during matches: frozen pizza." in text(tab, "#retail-says")
    assert text(tab, "#retail-cannot") == ""
    tab.select_option("#team", "Leeds FC")
    tab.select_option("#type", "tournament")
    drawn(tab)
    assert "Sales cannot follow team, match type" in text(tab, "#retail-cannot")
    assert tab.locator("#retail-chart .mark-symbol path").count() == 2


def test_a_source_without_sales_says_so(open_page: Open) -> None:
    tab = open_page("no-shops", frames_of(World(shops=False)))
    assert "No analysis of mock sales in shops" in text(tab, "#retail-chart")


def test_golden_the_days_of_the_chart_are_the_csvs(open_page: Open) -> None:
    frames = frames_of(SEASON)
    tab = open_page("season", frames)
    days = frames["daily"].dropna(subset="expected").groupby("day")[["orders", "expected"]].sum()
    played = frames["matches"]["kickoff_ts"].dt.strftime("%Y-%m-%d").unique()
    deviation = 100 * (days["orders"] / days["expected"] - 1)
    ordinary = deviation[~deviation.index.isin(played)].quantile([0.025, 0.975])
    above = (deviation[deviation.index.isin(played)] > ordinary.iloc[1]).sum()
    assert text(tab, "#days-says").startswith(f"{above} of {len(played)} match days")
    assert f"{_signed(ordinary.iloc[0])} to {_signed(ordinary.iloc[1])} %" in text(tab, "#days-says")
    assert tab.locator(
        "#days-chart .mark-rect path[fill^='var(--accent)'], #days-chart .mark-rect path[fill^='var(--quiet)']"
    ).count() == len(days)


def test_golden_the_anomalies_are_the_csvs(open_page: Open) -> None:
    frames = frames_of(SEASON)
    tab = open_page("season", frames)
    expected = [
        [f"{row['bucket_ts']:%Y-%m-%d %H:%M}", row["city"], str(row["orders"]), f"{row['expected']:.1f}"]
        for row in frames["anomalies"].to_dict("records")
    ]
    assert sorted(row[:4] for row in rows(tab, "anomalies")) == sorted(expected)
    assert any(row[6] == "unexplained" for row in rows(tab, "anomalies"))


def test_the_served_page_reloads_when_the_lakes_page_changes(browser: Any, tmp_path: Path) -> None:
    store = open_lake(str(tmp_path / "lake"))
    store.write(layout.PAGE_KEY, render(frames_of(SEASON)).encode(), {})
    with server(store, Settings.load()).running() as serving:
        context = browser.new_context()
        tab = context.new_page()
        tab.goto(serving.address)
        tab.locator("html[data-drawn]").wait_for(state="attached")
        store.write(layout.PAGE_KEY, render(frames_of(World(uplift=0.0))).encode(), {})
        tab.locator("#headline", has_text="Not shown").wait_for(timeout=15_000)
        context.close()
