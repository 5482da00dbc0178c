"""Make a plan's calls and store what they bring.

    calls ──▶ workers (as many as the plan allows under way) ──▶ queue (bounded) ──▶ one writer ──▶ store

Workers wait when the queue is full, so that a slow store slows the fetching down and memory stays bounded. The
writer commits what has come in steps of many calls, each with the memory of the calls in it. A call that fails
leaves no trace in the store; one that a stop cuts off is simply not made. Nothing is fetched twice.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import polars as pl
import stamina.instrumentation

from tapescan.errors import ProviderError, TapescanError
from tapescan.providers.clock import session_of
from tapescan.providers.link import Link
from tapescan.providers.seam import COLUMNS, Batch, Call, Problem, Provider, What
from tapescan.store import Fetched, Step, Store
from tapescan.sync.checking import short_sessions, unlisted
from tapescan.sync.planning import SESSION_KEY, Planned, Wishes
from tapescan.sync.report import Failure, PartReport

__all__ = ["Progress", "run_part"]

#: ``(done, total, what)``.
Progress = Callable[[int, int, str], None]

#: A step is committed when it holds so many rows, or its first call came so many seconds ago.
STEP_ROWS = 400_000
STEP_SECONDS = 5.0
#: Answered calls that may wait for the writer.
WAITING = 16
#: So many calls in a row that the vendor could not answer at all end the sync with it.
HOPELESS = 5

#: The table that holds what was asked for.
_TABLE: dict[What, str] = {"bars": "bars", "universe": "symbols", "actions": "splits", "fundamentals": "facts"}

# Retries are counted in the report; a library's log lines on a user's terminal would only repeat them.
stamina.instrumentation.set_on_retry_hooks([])
logging.getLogger("asyncio").setLevel(logging.ERROR)


@dataclass
class _Answer:
    """A call and what it brought. last : whether the call is complete with it."""

    call: Call
    batches: list[Batch]
    asked_at: dt.datetime
    last: bool = True
    requests: int = 1


@dataclass
class _State:
    """What workers and writer share."""

    report: PartReport
    calls: Iterator[Call]
    answers: asyncio.Queue[_Answer]
    clock: Callable[[], dt.datetime]
    in_a_row: int = 0
    fatal: bool = False
    open_calls: set[str] = field(default_factory=set)
    begun: float = field(default_factory=time.monotonic)


async def run_part(
    store: Store,
    provider: Provider,
    link: Link,
    planned: Planned,
    wishes: Wishes,
    sessions: pl.Series,
    clock: Callable[[], dt.datetime],
    progress: Progress | None = None,
) -> PartReport:
    """Make the calls and store what they bring; whatever goes wrong with a vendor is in the report.

    sessions : the exchange's sessions up to now. clock : tells the time, UTC.
    Raises StoreError when the store cannot be written.
    Cancelled (Ctrl-C), it stores what is complete and returns a report that is marked as stopped.
    """
    report = PartReport(
        planned.what, planned.source, planned.plan.name, len(planned.calls), planned.done, notes=list(planned.notes)
    )
    if not planned.calls:
        return report
    state = _State(report, iter(planned.calls), asyncio.Queue(WAITING), clock)
    writer = _Writer(store, planned, wishes, sessions, state, progress)
    before = replace(link.traffic)
    workers = [
        asyncio.create_task(_work(provider, link, state))
        for _ in range(min(planned.plan.concurrency, len(planned.calls)))
    ]
    writing = asyncio.create_task(writer.run())
    try:
        await _all(workers, writing)
    except asyncio.CancelledError:
        report.stopped = True
        if (task := asyncio.current_task()) is not None:
            task.uncancel()
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        await writer.finish(writing)
    if not report.stopped and not report.failures:
        if planned.what == "bars" and not wishes.compare:
            await writer.remember_sessions()
        if planned.what == "universe" and not planned.done and not wishes.symbols:
            await asyncio.to_thread(writer.remember_unlisted)
    for name in ("requests", "retries", "throttled", "bytes"):
        setattr(report, name, getattr(link.traffic, name) - getattr(before, name))
    report.seconds = time.monotonic() - state.begun
    report.left = report.calls - report.made - len(report.failures)
    return report


async def _all(workers: Sequence[asyncio.Task[None]], writing: asyncio.Task[None]) -> None:
    """Wait for the workers; an error of the writer (the store) ends everything."""
    left: set[asyncio.Task[None]] = {*workers}
    while left:
        done, _ = await asyncio.wait({*left, writing}, return_when=asyncio.FIRST_COMPLETED)
        if writing in done:
            return
        for worker in done:
            worker.result()
        left -= done


async def _work(provider: Provider, link: Link, state: _State) -> None:
    """Take calls and make them until none is left."""
    for call in state.calls:
        if state.fatal:
            return
        requests, asked_at = link.traffic.requests, state.clock()
        try:
            batches: list[Batch] = []
            async for batch in provider.fetch(call, link):
                if call.piecewise:
                    await state.answers.put(_Answer(call, [batch], asked_at, last=False))
                else:
                    batches.append(batch)
            made = link.traffic.requests - requests
            await state.answers.put(_Answer(call, batches, asked_at, requests=made))
            state.in_a_row = 0
        except ProviderError as error:
            _failed(state, call, error)


def _failed(state: _State, call: Call, error: ProviderError) -> None:
    state.report.failures.append(Failure(call.key, error.reason, str(error), call.sessions, call.symbols))
    state.in_a_row = state.in_a_row + 1 if error.reason in ("unreachable", "server_error", "throttled") else 0
    if error.fatal or state.in_a_row >= HOPELESS:
        state.fatal = True
        if not error.fatal:
            state.report.notes.append(f"stopped asking after {HOPELESS} calls in a row without an answer")


class _Writer:
    """Gathers answers into steps and commits them."""

    def __init__(
        self,
        store: Store,
        planned: Planned,
        wishes: Wishes,
        sessions: pl.Series,
        state: _State,
        progress: Progress | None,
    ) -> None:
        self.store = store
        self.planned = planned
        self.wishes = wishes
        self.sessions = sessions
        self.state = state
        self.report = state.report
        self.tell = progress or (lambda _done, _total, _what: None)
        self.run_name = f"{planned.source}/{uuid.uuid4().hex[:12]}"
        self.asked_at = state.clock()
        self.steps = 0
        self.pending: list[_Answer] = []
        self.since = 0.0
        self.counts: dict[dt.date, int] | None = None
        self.listed: set[str] = set()
        self.getting: asyncio.Task[_Answer] | None = None

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

    def _take(self, answer: _Answer) -> None:
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

    def _store(self, answers: list[_Answer]) -> None:
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
                fetched.append(Fetched(answer.call.key, answer.call.what, answer.asked_at, answer.requests, rows))
        if not frames and not fetched:
            return
        if not frames:  # an answer that there is nothing is remembered, too
            table = _TABLE[self.planned.what]
            frames[table] = [pl.DataFrame(schema=COLUMNS[table])]
        whole = {name: pl.concat(some) for name, some in frames.items()}
        if "symbols" in whole:
            # Of a symbol that two companies had, one after the other, the listed one counts.
            whole["symbols"] = whole["symbols"].sort("delisted", descending=True, nulls_last=False)
            whole["symbols"] = whole["symbols"].with_columns(as_of=pl.lit(session_of(self.state.clock())))
            self.listed.update(whole["symbols"].filter(pl.col("delisted").is_null())["symbol"])
        if "bars" in whole:
            for day, count in whole["bars"].group_by("session").len().iter_rows():
                self.report.got[day] = self.report.got.get(day, 0) + count
        self._add(whole, fetched)
        self._say()

    def _add(self, rows: dict[str, pl.DataFrame], fetched: list[Fetched]) -> None:
        self.report.add(
            self.store.add(
                rows,
                self.planned.source,
                step=Step(self.run_name, self.steps),
                fetched=[] if self.wishes.compare else fetched,
                sessions=self.sessions,
                beside=self.wishes.compare,
                replace=self.wishes.replace,
            )
        )
        self.steps += 1

    def _checked(self, answers: list[_Answer]) -> list[_Answer]:
        """Without the calls whose session is far too short; they fail."""
        days = {answer.call.sessions[0]: answer for answer in answers if _whole_market(answer.call)}
        if not days:
            return answers
        if self.counts is None:
            first = min(days) - dt.timedelta(days=30)
            counts = self.store.session_counts(self.planned.source, first) if self.store.exists() else None
            self.counts = {} if counts is None else dict(counts.iter_rows())
        came = {day: sum(len(batch.rows) for batch in answer.batches) for day, answer in days.items()}
        bad = short_sessions(came, self.counts)
        for day, usual in bad.items():
            detail = f"{self.planned.source}: {day}: {came[day]:,} symbols, {usual:,} on the days around it"
            self.report.failures.append(Failure(days[day].call.key, "short_day", detail, (day,)))
        self.counts.update({day: count for day, count in came.items() if day not in bad})
        return [answer for answer in answers if not (_whole_market(answer.call) and answer.call.sessions[0] in bad)]

    async def remember_sessions(self) -> None:
        """Every symbol was asked for these sessions: the sessions as a whole need not be asked for again."""
        if self.wishes.symbols or all(_whole_market(call) for call in self.planned.calls):
            return
        now = self.asked_at
        marks = [Fetched(f"{SESSION_KEY}{day}", "bars", now, 0) for day in self.planned.sessions]
        nothing = pl.DataFrame(schema=COLUMNS["bars"])
        await asyncio.to_thread(self._add, {"bars": nothing}, marks)

    def remember_unlisted(self) -> None:
        """Mark as delisted what a complete listing no longer has."""
        today = session_of(self.state.clock())
        gone, note = unlisted(self.store.symbols(), self.listed, self.planned.source, today)
        if note:
            self.report.notes.append(note)
        if len(gone):
            self._add({"symbols": gone}, [])
            self.report.problems += [Problem("delisted", symbol=symbol) for symbol in gone["symbol"]]

    def _say(self) -> None:
        report = self.report
        done = report.made + len(report.failures)
        seconds = time.monotonic() - self.state.begun
        rate = done / seconds if seconds > 0.0 else 0.0
        left = (report.calls - done) / rate if rate else 0.0
        pace = f"{rate:.1f} calls/s" if rate >= 1.0 else f"{60.0 * rate:.1f} calls/min"
        self.tell(done, report.calls, f"{report.what} from {report.source}: {pace}, {_duration(left)} left")


def _whole_market(call: Call) -> bool:
    return call.what == "bars" and len(call.sessions) == 1 and not call.symbols


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
