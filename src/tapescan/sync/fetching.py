"""Make a plan's calls and store what they bring.

    calls ──▶ workers (as many as the plan allows under way) ──▶ queue (bounded) ──▶ one writer ──▶ store

Workers wait when the queue is full, so that a slow store slows the fetching down and memory stays bounded. The
writer commits what has come in steps of many calls, each with the memory of the calls in it. A call that fails
leaves no trace in the store; one that a stop cuts off is simply not made. Nothing is fetched twice.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import polars as pl

from tapescan.core.errors import VendorError
from tapescan.core.progress import Progress, silent
from tapescan.network.link import REQUESTS, Link
from tapescan.store import Store
from tapescan.sync.planning import Planned
from tapescan.sync.report import Failure, PartReport
from tapescan.sync.wishes import Wishes
from tapescan.sync.writing import Answer, State, Writer
from tapescan.vendors.seam import Batch, Call, Vendor

__all__ = ["run_part"]

#: Answered calls that may wait for the writer.
WAITING = 16
#: So many calls in a row that the vendor could not answer at all end the sync with it; fewer before any answer.
HOPELESS = 5
HOPELESS_AT_FIRST = 2


async def run_part(
    store: Store,
    vendor: Vendor,
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
        planned.what, planned.vendor, planned.plan.name, len(planned.calls), planned.done, notes=list(planned.notes)
    )
    if not planned.calls:
        return report
    state = State(report, iter(planned.calls), asyncio.Queue(WAITING), clock, progress or silent)
    state.say()
    writer = Writer(store, planned, wishes, sessions, state)
    before = replace(link.traffic)
    workers = [
        asyncio.create_task(_work(vendor, link, state, first=number == 0))
        for number in range(min(planned.plan.concurrency, len(planned.calls)))
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


async def _work(vendor: Vendor, link: Link, state: State, *, first: bool) -> None:
    """Take calls and make them until none is left."""
    if not first:
        await state.proven.wait()
    for call in state.calls:
        if state.fatal:
            return
        requests: list[str] = []
        REQUESTS.set(requests)  # in the context of this task and those that it starts
        asked_at = state.clock()
        try:
            batches: list[Batch] = []
            async for batch in vendor.fetch(call, link):
                if call.piecewise:
                    await state.answers.put(Answer(call, [batch], asked_at, last=False))
                else:
                    batches.append(batch)
            await state.answers.put(Answer(call, batches, asked_at, requests=len(requests)))
            state.in_a_row = 0
            state.answered += 1
            state.proven.set()
        except VendorError as error:
            _failed(state, call, error)
        state.say()
    state.proven.set()


def _failed(state: State, call: Call, error: VendorError) -> None:
    state.report.failures.append(Failure(call.key, error.reason, str(error), call.sessions, call.symbols))
    state.in_a_row = state.in_a_row + 1 if error.reason in ("unreachable", "server_error", "throttled") else 0
    hopeless = HOPELESS if state.answered else HOPELESS_AT_FIRST
    if (error.fatal or state.in_a_row >= hopeless) and not state.fatal:
        state.fatal = True
        if not error.fatal:
            state.report.notes.append(f"stopped asking after {state.in_a_row} calls in a row without an answer")
    if state.fatal:
        state.report.fatal = True
        state.proven.set()
