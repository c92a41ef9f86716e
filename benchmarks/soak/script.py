"""What happens in a soak, in order: evenings, an API that is down, two kills and two outages.

Belongs here: setting the clock, and waiting until the daemon has done what it should. Does not belong here: judging.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from zoneinfo import ZoneInfo

import dagster as dg

from benchmarks.soak.clock import Clock, ClockedStore
from benchmarks.soak.daemon import Daemon
from benchmarks.soak.season import Season
from pizza_assets.operations import expected_partitions
from pizza_assets.operations.dagster_alerts import STATE_KEY
from pizza_assets.operations.expected_partitions import ONE_DAY
from pizza_assets.platform.dagster_active_runs import ACTIVE_RUNS, partitions_of

ZONE = "Europe/London"
#: The clocks go forward on the 30th of March.
FIRST = date(2025, 3, 25)
_PATIENCE = 150.0
_POLL = 0.2
#: Two looks of the alerts' sensor, and what it leaves a run that has just ended (s).
_SETTLED = 20.0


class SoakError(Exception):
    """The daemon did not do in time what it should."""


@dataclass
class Soak:
    """The world of a soak."""

    clock: Clock
    daemon: Daemon
    season: Season
    instance: dg.DagsterInstance
    store: ClockedStore
    day: date = FIRST
    notes: dict[date, list[str]] = field(default_factory=dict)
    missed: set[date] = field(default_factory=set)
    _began: float = field(default_factory=time.monotonic)

    def run(self) -> None:
        """Play the whole script."""
        self._at(time_of_day(12))
        self._start("the daemon starts on an empty lake")
        self._until("both sensors have looked", self._has_looked)
        self._evenings(2)
        with self._killed("the daemon is killed in a run, which goes on", with_children=False):
            self._outage(4)
        self._evenings(2)
        self.season.is_down = True
        self._note("the football API is down")
        self._evenings(2)
        self.season.is_down = False
        self._evenings(1)
        with self._killed("the daemon and its run are killed", with_children=True):
            self._outage(3)
        self._evenings(1)
        self._until("no run is left", lambda: not self._active())
        self._until("no alert waits", self._is_told)

    def _at(self, hour: time_of_day) -> None:
        self.clock.set(datetime.combine(self.day, hour, ZoneInfo(ZONE)).astimezone(UTC))

    def _note(self, text: str) -> None:
        self.notes.setdefault(self.day, []).append(text)
        print(f"{time.monotonic() - self._began:4.0f} s  {self.day}: {text}", flush=True)

    def _start(self, text: str) -> None:
        self._note(f"{text} (pid {self.daemon.start()})")

    def _evenings(self, number: int) -> None:
        """Let so many evenings come, and wait for each one's run."""
        for _ in range(number):
            self._at(time_of_day(18, 1))
            self._until(f"the run of {self.day} has ended", self._has_refreshed)
            self.day += ONE_DAY
            self._at(time_of_day(12))

    @contextmanager
    def _killed(self, text: str, *, with_children: bool) -> Iterator[None]:
        """Kill the daemon in the run of an evening; when the outage is over, start it and wait for the lost days."""
        self._at(time_of_day(18, 1))
        self._until(f"the run of {self.day} works", lambda: bool(self._active(dg.DagsterRunStatus.STARTED)))
        self.daemon.kill(with_children=with_children)
        self._note(text)
        if not with_children:
            self._until("the run goes on without its daemon", lambda: not self._active())
            self.missed.add(self.day)  # its run is there, but not the one that would complete it
        yield
        self._start("the daemon starts again")
        self._until(f"every day before {self.day} is there", lambda: not self._missing() and not self._active())

    def _outage(self, days: int) -> None:
        self.missed |= {self.day + timedelta(days=number) for number in range(1, days)}
        self.day += timedelta(days=days)
        self._at(time_of_day(12))

    def _until(self, what: str, is_so: Callable[[], bool]) -> None:
        end = time.monotonic() + _PATIENCE
        while not is_so():
            if time.monotonic() > end:
                raise SoakError(f"Expected within {_PATIENCE:.0f} s that {what}. daemon.log tells more.")
            time.sleep(_POLL)

    def _has_looked(self) -> bool:
        cursors = {
            state.instigator_name: getattr(state.instigator_data, "cursor", None)
            for state in self.instance.all_instigator_state()
        }
        return bool(cursors.get("evening") and cursors.get("catch_up"))

    def _has_refreshed(self) -> bool:
        runs = self.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS]), limit=5)
        return any((partitions_of(run) or ("",))[-1] == self.day.isoformat() for run in runs)

    def _is_told(self) -> bool:
        """Tell whether the alerts of all runs that have ended are sent."""
        ended = self.instance.get_run_records(order_by="id", limit=1)[0].end_time or 0.0
        kept = self.instance.daemon_cursor_storage.get_cursor_values({STATE_KEY}).get(STATE_KEY)
        queue = json.loads(kept)["queue"] if kept else {"inbox": [0], "outbox": []}
        return time.time() - ended > _SETTLED and not queue["inbox"] and not queue["outbox"]

    def _active(self, *statuses: dg.DagsterRunStatus) -> list[dg.DagsterRun]:
        return list(self.instance.get_runs(dg.RunsFilter(statuses=list(statuses or ACTIVE_RUNS))))

    def _missing(self) -> list[date]:
        now = self.clock.now()
        due = expected_partitions.expected(FIRST - ONE_DAY, now, ZONE)
        return expected_partitions.missing(due, expected_partitions.collected_at(self.store, due), now, ZONE)
