"""The writer of a sync: gathers answers into steps, checks them against each other and the store, and commits them.

A step holds many calls and is committed with the memory of them. A call that is not believed leaves no trace.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import polars as pl

from tapescan.core.errors import TapescanError
from tapescan.core.progress import Progress
from tapescan.market import calendar
from tapescan.market.clock import session_of
from tapescan.store import Fetched, Step, Store
from tapescan.sync.checking import covered, doubtful, repeated_sessions, short_sessions, unlisted
from tapescan.sync.planning import Planned
from tapescan.sync.report import Failure, PartReport, duration
from tapescan.sync.sessions import SESSION_KEY, SYMBOL_KEY
from tapescan.sync.wishes import Wishes
from tapescan.tables.registry import tables_of
from tapescan.vendors.seam import Batch, Call, Problem, rows_of

__all__ = ["Answer", "Progress", "State", "Writer"]

#: A step is committed when it holds so many rows, or its first call came so many seconds ago.
STEP_ROWS = 400_000
STEP_SECONDS = 5.0


@dataclass
class Answer:
    """A call and what it brought. last : whether the call is complete with it."""

    call: Call
    batches: list[Batch]
    asked_at: dt.datetime
    last: bool = True
    requests: int = 1


@dataclass
class State:
    """What workers and writer share."""

    report: PartReport
    calls: Iterator[Call]
    answers: asyncio.Queue[Answer]
    clock: Callable[[], dt.datetime]
    tell: Progress
    in_a_row: int = 0
    answered: int = 0
    fatal: bool = False
    #: Set by the first answer, or by the end: before it only one call is made, since a wrong key needs no sixteen.
    proven: asyncio.Event = field(default_factory=asyncio.Event)
    begun: float = field(default_factory=time.monotonic)

    def say(self) -> None:
        """How far it is, at which pace, and how long it will take."""
        done, total = self.answered + len(self.report.failures), self.report.calls
        seconds = time.monotonic() - self.begun
        text = f"{self.report.what} from {self.report.vendor}"
        if done and seconds > 0.0:
            rate = done / seconds
            pace = f"{rate:.1f} calls/s" if rate >= 1.0 else f"{60.0 * rate:.1f} calls/min"
            text += f": {pace}" + (f", {duration((total - done) / rate)} left" if total > done else "")
        self.tell(done, total, text)


class Writer:
    """Gathers answers into steps and commits them."""

    def __init__(
        self,
        store: Store,
        planned: Planned,
        wishes: Wishes,
        sessions: pl.Series,
        state: State,
    ) -> None:
        self.store = store
        self.planned = planned
        self.wishes = wishes
        self.sessions = sessions
        self.state = state
        self.report = state.report
        self.run_name = f"{planned.vendor}/{uuid.uuid4().hex[:12]}"
        self.asked_at = state.clock()
        self.steps = 0
        self.pending: list[Answer] = []
        self.since = 0.0
        self.counts: dict[dt.date, int] | None = None
        self.listed: set[str] = set()
        self.getting: asyncio.Task[Answer] | None = None

    async def run(self) -> None:
        """Commit steps as they fill; ends only with an error of the store, or cancelled."""
        while True:
            left = None if not self.pending else max(self.since + STEP_SECONDS - time.monotonic(), 0.0)
            if self.getting is None:
                self.getting = asyncio.create_task(self.state.answers.get())
            await asyncio.wait({self.getting}, timeout=left)
            if not self.getting.done():
                await self._commit()
                continue
            getting, self.getting = self.getting, None
            self._take(getting.result())
            if sum(len(batch.rows) for one in self.pending for batch in one.batches) >= STEP_ROWS:
                await self._commit()

    async def finish(self, writing: asyncio.Task[None]) -> None:
        """Store what is complete, and raise what the writer failed with."""
        if not writing.done():
            writing.cancel()
        result = (await asyncio.gather(writing, return_exceptions=True))[0]
        if isinstance(result, TapescanError):
            raise result
        if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
            raise result
        if self.getting is not None and not self.getting.done():
            self.getting.cancel()
        elif self.getting is not None:
            self._take(self.getting.result())
        while not self.state.answers.empty():
            self._take(self.state.answers.get_nowait())
        if self.pending:
            await self._commit()

    def _take(self, answer: Answer) -> None:
        if not self.pending:
            self.since = time.monotonic()
        self.pending.append(answer)

    async def _commit(self) -> None:
        # Shielded: a Ctrl-C waits for the commit under way, and does not leave it half known.
        answers, self.pending = self.pending, []
        writing = asyncio.ensure_future(asyncio.to_thread(self._store, answers))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await writing
            raise

    def _store(self, answers: list[Answer]) -> None:
        """In a thread of its own: check the answers against each other and the store, and commit the good ones."""
        good = self._checked(answers)
        frames: dict[str, list[pl.DataFrame]] = {}
        fetched = []
        for answer in good:
            rows = 0
            for batch in answer.batches:
                frames.setdefault(batch.table, []).append(batch.rows)
                self.report.problems += batch.problems
                rows += len(batch.rows)
            self.report.rows += rows
            if answer.last:
                self.report.made += 1
                call = answer.call
                fetched.append(Fetched(call.key, call.what, answer.asked_at, answer.requests, rows, call.span))
        if not frames and not fetched:
            return
        if not frames:  # an answer that there is nothing is remembered, too
            table = tables_of(self.planned.what)[0].name
            frames[table] = [rows_of(table)]
        whole = {name: pl.concat(some) for name, some in frames.items()}
        if "symbols" in whole:
            # Of a symbol that two companies had, one after the other, the listed one counts.
            whole["symbols"] = whole["symbols"].sort("delisted", descending=True, nulls_last=False)
            whole["symbols"] = whole["symbols"].with_columns(as_of=pl.lit(session_of(self.state.clock())))
            self.listed.update(whole["symbols"].filter(pl.col("delisted").is_null())["symbol"])
        for name in {"bars", "option_quotes"} & whole.keys():
            for day, count in whole[name].group_by("session").len().iter_rows():
                self.report.got[day] = self.report.got.get(day, 0) + count
        self._add(whole, fetched, covered([answer.call for answer in good if answer.last], whole))

    def _add(
        self,
        rows: dict[str, pl.DataFrame],
        fetched: list[Fetched],
        covers: dict[str, tuple[dt.date, dt.date]] | None = None,
    ) -> None:
        self.report.add(
            self.store.add(
                rows,
                self.planned.vendor,
                step=Step(self.run_name, self.steps),
                fetched=[] if self.wishes.compare else fetched,
                sessions=self.sessions,
                beside=self.wishes.compare,
                replace=self.wishes.replace,
                covers=covers,
            )
        )
        self.steps += 1

    def _checked(self, answers: list[Answer]) -> list[Answer]:
        """Without the calls that cannot be believed beside the others and what is stored; they fail."""
        if self.wishes.replace:  # asked for as it is
            return answers
        bad = self._bad_days({a.call.sessions[0]: a for a in answers if _whole_market(a.call)})
        if self.planned.what == "universe" and not self.wishes.symbols:
            bad |= self._bad_listing([answer for answer in answers if answer.last])
        for key, (reason, detail) in bad.items():
            call = next(answer.call for answer in answers if answer.call.key == key)
            text = f"{self.planned.vendor}: {detail}"
            self.report.failures.append(Failure(key, reason, text, call.sessions, call.symbols))
        return [answer for answer in answers if answer.call.key not in bad]

    def _bad_days(self, days: dict[dt.date, Answer]) -> dict[str, tuple[str, str]]:
        """Sessions with far fewer symbols than those around them, or with the rows of the session before."""
        if not days:
            return {}
        if self.counts is None:
            first = min(days) - dt.timedelta(days=30)
            self.counts = dict(self.store.known(since=first).session_counts().iter_rows())
        came = {day: sum(len(batch.rows) for batch in answer.batches) for day, answer in days.items()}
        short = short_sessions(came, {day: count for day, count in self.counts.items() if day not in came})
        self.counts.update({day: count for day, count in came.items() if day not in short})
        bad = {
            days[day].call.key: ("short_day", f"{day}: {came[day]:,} symbols, {usual:,} on the days around it")
            for day, usual in short.items()
        }
        rows = pl.concat(
            [batch.rows for answer in days.values() for batch in answer.batches if batch.table == "bars"]
        )
        before = calendar.previous_session(min(days))
        stored = self.store.known(before, since=before).stamped_bars()
        for day, share in repeated_sessions(rows, stored).items():
            detail = f"{day}: {share:.0%} of its rows repeat the session before, price for price"
            bad[days[day].call.key] = ("wrong_day", detail)
        return bad

    def _bad_listing(self, answers: list[Answer]) -> dict[str, tuple[str, str]]:
        """A whole listing that lost too many symbols since the last one."""
        if not answers or len(self.planned.calls) != 1 or self.planned.done or not self.store.exists():
            return {}
        rows = [batch.rows for answer in answers for batch in answer.batches if batch.table == "symbols"]
        if not rows:
            return {}
        listed = pl.concat(rows).filter(pl.col("delisted").is_null())["symbol"]
        lost, before = unlisted(self.store.known().read("symbols"), set(listed), self.planned.vendor)
        if not doubtful(len(lost), before):
            return {}
        detail = (
            f"the listing lacks {len(lost):,} of the {before:,} symbols that it had; --replace takes it all the same"
        )
        return {answers[0].call.key: ("short_listing", detail)}

    async def remember_sessions(self) -> None:
        """Every symbol was asked for these sessions, and these symbols for every session."""
        marks = [Fetched(f"{SESSION_KEY}{day}", "bars", self.asked_at, 0) for day in self.planned.sessions]
        marks += [Fetched(f"{SYMBOL_KEY}{symbol}", "bars", self.asked_at, 0) for symbol in self.planned.newcomers]
        if marks:
            nothing = rows_of("bars")
            await asyncio.to_thread(self._add, {"bars": nothing}, marks)

    def remember_unlisted(self) -> None:
        """Mark as delisted what a complete listing no longer has."""
        lost, before = unlisted(self.store.known().read("symbols"), self.listed, self.planned.vendor)
        if lost.is_empty() or not self.listed:
            return
        if doubtful(len(lost), before):
            text = f"{len(lost):,} of {before:,} symbols are missing from the new listing: none is taken as delisted"
            self.report.notes.append(text)
            return
        today = session_of(self.state.clock())
        gone = lost.select("symbol", "source", delisted=pl.lit(today, pl.Date), as_of=pl.lit(today, pl.Date))
        self._add({"symbols": gone}, [])
        self.report.problems += [Problem("delisted", symbol=symbol) for symbol in gone["symbol"]]


def _whole_market(call: Call) -> bool:
    return call.what == "bars" and len(call.sessions) == 1 and not call.symbols
