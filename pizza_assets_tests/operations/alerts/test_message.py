from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.operations.alerts.alert import Alert
from pizza_assets.operations.alerts.message import digest_of, message_of, slack_payload

UI = "http://dagster.example/"
ALERT = Alert(
    title="Fell back to mock",
    subject="raw_orders",
    sentence="Domino's: expected 200, found 503 'down'. Try again later.",
    action="pizza-assets backfill --from 2026-06-09 --to 2026-06-10",
    partitions=("2026-06-09", "2026-06-10"),
    run_id="0f0e0d0c-1111-2222-3333-444455556666",
)


def test_a_message_has_what_happened_where_why_and_what_to_do() -> None:
    message = message_of(ALERT, UI)
    assert message.headline == "Fell back to mock: raw_orders"
    assert message.text == (
        "Domino's: expected 200, found 503 'down'. Try again later.\n\n"
        "Partitions: 2 from 2026-06-09 to 2026-06-10\n\n"
        "What to do: pizza-assets backfill --from 2026-06-09 --to 2026-06-10\n\n"
        "http://dagster.example/runs/0f0e0d0c-1111-2222-3333-444455556666"
    )


def test_a_repeated_cause_says_how_often() -> None:
    assert "came up 3 more times" in message_of(ALERT, UI, 3).text


def test_a_digest_has_a_line_for_each() -> None:
    message = digest_of([ALERT, Alert("Run failed", "raw_matches", "The disk is full.\nMore", "Free some.")], UI)
    assert message.headline == "2 more alerts"
    assert message.text.splitlines()[1] == "- Run failed: raw_matches: The disk is full."


@given(st.text(max_size=5000), st.text(max_size=300))
def test_slack_takes_whatever_an_error_says(sentence: str, subject: str) -> None:
    payload = slack_payload(message_of(Alert("Run failed", subject, sentence, "Do."), UI))
    for block in payload["blocks"]:
        limit = 150 if block["type"] == "header" else 3000
        assert len(block["text"]["text"]) <= limit
        if block["type"] == "section":
            assert "<!" not in block["text"]["text"], "nobody is paged by the words of an error"


def test_slack_gets_markup_as_text() -> None:
    payload = slack_payload(message_of(Alert("Run failed", "a", "<!channel> a < b & c", "Do."), UI))
    assert payload["blocks"][1]["text"]["text"] == "&lt;!channel&gt; a &lt; b &amp; c"
