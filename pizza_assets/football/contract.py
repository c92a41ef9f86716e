"""The contracts of football matches and of the events in them. The seed's fields keep their names."""

from pizza_assets.platform.columns import INTEGER_LIST, data_set, instant, integer, list_of, source, text

RESULTS = ("win", "loss", "draw")
SIGNIFICANCES = ("regular", "tournament", "final")
#: A status with a result that was played out on the pitch. AWARDED was decided at a table.
PLAYED = "FINISHED"
#: Statuses of a match that was begun, and of which no end is told.
BEGUN = ("IN_PLAY", "PAUSED", "SUSPENDED", "SUSPENDED_UNTIMED")
#: What a status is called when only the day of kick-off is known; its timestamp is then 12:00 UTC of that day.
UNTIMED = {PLAYED: "FINISHED_UNTIMED", "SCHEDULED": "SCHEDULED_UNTIMED", "SUSPENDED": "SUSPENDED_UNTIMED"}

FOOTBALL_MATCHES = data_set(
    "football_matches",
    "Football matches with both teams known, played or scheduled, from football-data.org, files or mock.",
    grain="one row per match",
    key=["match_id"],
    columns={
        "match_id": text("The source's own number of the match; of files competition, season and clubs."),
        "timestamp": instant("Kick-off; 12:00 UTC of the day where its time is not known."),
        "home_team": text("The home team."),
        "away_team": text("The away team."),
        "home_score": integer("Goals in play (no shoot-out kicks); null before the end.", "goals", ge=0, nullable=True),
        "away_score": integer("Goals in play (no shoot-out kicks); null before the end.", "goals", ge=0, nullable=True),
        "event_type": text(
            "Result in play, seen from the home side; null before the end.", isin=RESULTS, nullable=True
        ),
        "match_significance": text("regular, tournament (any cup) or final.", isin=SIGNIFICANCES),
        "data_source": source(),
        "competition": text("Code of the competition, such as PL."),
        "stage": text("Stage of the competition, as the source names it."),
        "status": text(
            "Status, as the source names it: FINISHED, TIMED, POSTPONED ...; ..._UNTIMED: only the day is known."
        ),
        "duration": text("REGULAR, EXTRA_TIME or PENALTY_SHOOTOUT."),
        "home_half_time_score": integer("Home goals at half-time.", "goals", ge=0, nullable=True),
        "away_half_time_score": integer("Away goals at half-time.", "goals", ge=0, nullable=True),
        "home_city": text("City of the home team, or 'unknown'."),
        "away_city": text("City of the away team, or 'unknown'."),
        "home_goal_minutes": list_of(
            INTEGER_LIST,
            "Minutes of the home goals; null where the source does not tell.",
            "minutes",
            nullable=True,
        ),
        "away_goal_minutes": list_of(
            INTEGER_LIST,
            "Minutes of the away goals; null where the source does not tell.",
            "minutes",
            nullable=True,
        ),
        "home_team_id": text("The source's own number of the home team; null where it tells none.", nullable=True),
        "away_team_id": text("The source's own number of the away team; null where it tells none.", nullable=True),
    },
)

MATCH_EVENTS = data_set(
    "match_events",
    "What happened in the matches: every goal whose minute is known, and each team's result at the end.",
    grain="one row per goal, and one per team and result",
    key=["event_id"],
    columns={
        "event_id": text("match_id, the side, and the number of the goal or 'result'."),
        "match_id": text("The match."),
        "timestamp": instant("When it happened; goals to the minute, with 15 min of half-time counted in."),
        "minute": integer("Minute of the goal; null for results.", "minutes", ge=0, nullable=True),
        "event_type": text("goal, win, loss or draw, seen from the team's side.", isin=("goal", *RESULTS)),
        "team": text("The team whose goal or result it is."),
        "city": text("The team's city, or 'unknown'."),
        "match_significance": text("regular, tournament or final.", isin=SIGNIFICANCES),
        "data_source": source(),
    },
)
