"""Use case: a session followed while it trades, scanned each minute."""

from __future__ import annotations

import asyncio
import datetime as dt
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from tapescan.api.places import Place, open_store
from tapescan.core.dates import parse_date
from tapescan.core.errors import OptionError
from tapescan.core.files import scratch_folder
from tapescan.core.progress import Progress, silent
from tapescan.core.results import Result, plain
from tapescan.core.settings import Device, setting

if TYPE_CHECKING:
    import polars as pl

    from tapescan.alerts.rules import Wanted
    from tapescan.live.feed import Feed
    from tapescan.live.following import Following, Scanned
    from tapescan.models.forecast import Models
    from tapescan.scan.named import NamedScreen
    from tapescan.scan.profile import Profile
    from tapescan.scan.request import Request
    from tapescan.scan.result import Changes, ScanResult
    from tapescan.store import Store

__all__ = ["LiveMinute", "follow_market"]

#: The embedded market that is followed where no store is named: smaller than that of scans, so that it is there soon.
SYMBOLS, SESSIONS = 3000, 300


class LiveMinute(Result, msgspec.Struct, frozen=True, eq=False):
    """A minute of a session that is over.

    clock : the minute that begins, in New York; bars of all before it are there. result : the scan of then; None
    where nobody has traded, or none can be made yet. quotes : of the latter the most traded symbols instead, as
    `live.quotes.most_traded`. changes : of the list against that of the minute before; None for the first.
    traded : symbols with a bar of the minute that ended. so_far : with any of the session. expected : that had one in
    the session before. new, corrected, refused : minute bars that came since the minute before.
    source : the feed. delay : seconds that it is behind. simulated : whether prices are invented. lag : seconds from
    the last message of the minute to the end of the scan. notes : what a person should know. partial : whether bars
    do not come for now, or cannot be stored.
    """

    session: dt.date
    clock: str
    result: ScanResult | None
    changes: Changes | None
    traded: int
    so_far: int
    expected: int
    new: int
    corrected: int
    refused: int
    source: str
    delay: float
    simulated: bool
    lag: float
    notes: tuple[str, ...] = ()
    partial: bool = False
    quotes: pl.DataFrame | None = None

    def to_dict(self, top: int | None = None) -> dict[str, Any]:
        """As plain values. top : rows of the list."""
        about = {
            name: getattr(self, name)
            for name in self.__struct_fields__
            if name not in {"result", "changes", "session", "notes", "quotes"}
        }
        return {
            "session": self.session.isoformat(),
            **about,
            "notes": list(self.notes),
            "changes": self.changes and self.changes.to_dict(),
            "scan": self.result and self.result.to_dict(top),
            **({} if self.quotes is None else {"quotes": plain(self.quotes)}),
        }


def follow_market(
    store: Place = None,
    *,
    source: str | Feed | None = None,
    session: dt.date | str | None = None,
    profile: str | Profile | None = None,
    screens: Sequence[str | NamedScreen] | str = (),
    where: str | None = None,
    rank_by: str | None = None,
    features: Sequence[str] | str = (),
    top: int | None = None,
    models: Models | str | Path | Literal[False] | None = None,
    device: Device | None = None,
    pace: float = 1.0,
    times: int | None = None,
    observers: Sequence[Callable[[Scanned], None]] = (),
    alerts: Wanted | None = None,
    early: bool = False,
    progress: Progress = silent,
) -> Iterator[LiveMinute]:
    """A session minute by minute: each scan is that of a store which ends there.

    Args:
        store: Whose sessions come before, and where minutes are stored. None for what the settings name, else a
            simulated market, of which a simulated session is shown.
        source: The feed, or the name of a vendor that streams (`massive`, `alpaca`) or is asked each minute
            (`yahoo`), with its key and plan as in a sync; None for the simulated one.
        session: The one that is followed; None for the next after the store's newest.
        top: How many of the list changes are told of.
        pace: Of a simulated session, seconds a minute; 0 for as fast as it is scanned.
        times: Stop after so many minutes; None for the end of the session.
        observers: Each is told of a minute before it is given.
        alerts: Rules that are judged each minute: a file, a folder or the name of a file of them, True for the
            folder that the setting names; None for none. What they find is kept beside the store, and sent.
        early: Give minutes while the kernels of a simulated session's scans compile, which takes the first one on a
            machine half a minute: without a scan, with quotes. Not where alerts are judged.
        progress: Told how far the preparation is.

    The others as in `scan_market`.

    Raises:
        TapescanError: What was asked for cannot be used, or no feed will come.
    """
    from tapescan.alerts.checking import check_rules, watching_rules
    from tapescan.alerts.outbox import outbox_place
    from tapescan.alerts.rules import read_rules
    from tapescan.alerts.running import Alerting
    from tapescan.columns.registry import with_needs
    from tapescan.history.stored import market_of_store
    from tapescan.live.following import Following
    from tapescan.scan.changes import changes
    from tapescan.scan.named import chosen_screens
    from tapescan.scan.opening import chosen_models, ready
    from tapescan.scan.pipeline import run
    from tapescan.scan.request import prepare, shown_columns

    if not 0.0 <= pace < float("inf"):
        raise OptionError(f"{pace}", "give seconds, 0 or more", field="pace")
    top = setting("top") if top is None else top
    named, ranked_by, said = chosen_screens(screens, profile)
    ask = partial(prepare, ranked_by, where=where, rank_by=rank_by, features=shown_columns(features), screens=named)
    rules = () if alerts is None else read_rules(alerts)
    # A simulated market has no models: what is asked of it is checked, and compiled, before it is there.
    embedded = ask() if _is_embedded(store, source) else None
    with ExitStack() as held:
        compiling = held.enter_context(_compiled_beside(embedded))
        opened, feed = held.enter_context(_opened(store, source, pace, progress))
        trained = chosen_models(opened, models, device)
        checked = check_rules(rules, trained)
        request = watching_rules(ask(models=trained), checked)
        market = market_of_store(opened)
        waits = bool(checked) or not (early and compiling.is_alive())
        if waits:
            _kernels(compiling, progress)
            ready(market, None, request, None, progress)  # its own, too
        day = _session(market.panel.as_of, session)
        following = Following.of(opened, market, feed, day, lambda at: run(at, request))
        following.observers, following.columns = observers, tuple(with_needs(request.asked))
        following.frames = tuple(look.frame for look in request.looks if look.of_minutes)
        if not waits:
            following.awaited, following.quoted = lambda: not compiling.is_alive(), top
        evening = following.begin() if waits else None
        if evening is not None and checked:
            alerting = Alerting(
                checked,
                day,
                outbox_place(opened.path),
                evening,
                hold=ranked_by.risk.hold,
                source=feed.name,
                simulated=feed.simulated,
            )
            following.observers = (held.enter_context(alerting), *observers)
        said = (*said, *filter(None, (feed.note,)))
        before: ScanResult | None = None
        for number, one in enumerate(_each(following), start=1):
            changed = None
            if one.result is not None and before is not None:
                changed = changes(one.result, before.as_of, before.symbols, recorded=False, top=top)
            before = one.result or before
            yield _told(one, feed, changed, said)
            if times is not None and number >= times:
                return


def _is_embedded(store: Place, source: str | Feed | None) -> bool:
    """Whether a simulated session of a simulated market is followed."""
    return not (store or (setting("store") and source != "simulated")) and source in (None, "simulated")


@contextmanager
def _compiled_beside(request: Request | None) -> Iterator[threading.Thread]:
    """Kernels are loaded, or compiled the first time, beside what the block does; None for nothing. Gives what does
    that."""
    from tapescan.features.warm import warm_up

    def work() -> None:
        for plan in request.plans if request is not None else ():
            warm_up(plan)

    worker = threading.Thread(target=work, name="tapescan-kernels", daemon=True)
    worker.start()
    yield worker


def _kernels(compiling: threading.Thread, progress: Progress) -> None:
    """Wait for them."""
    from tapescan.features.warm import COMPILING

    if compiling.is_alive():
        progress(0, 0, COMPILING)
    compiling.join()


def _told(one: Scanned, feed: Feed, changed: Changes | None, said: tuple[str, ...]) -> LiveMinute:
    return LiveMinute(
        session=one.session,
        clock=one.clock,
        result=one.result,
        changes=changed,
        traded=one.traded,
        so_far=one.so_far,
        expected=one.expected,
        new=one.merged.new,
        corrected=one.merged.corrected,
        refused=one.merged.outside,
        source=feed.name,
        delay=feed.delay.total_seconds(),
        simulated=feed.simulated,
        lag=one.lag,
        notes=(*said, *one.said, *filter(None, (one.trouble,))),
        partial=one.lost or bool(one.trouble),
        quotes=one.quotes,
    )


def _session(as_of: int, session: dt.date | str | None) -> dt.date:
    from tapescan.core.dates import date_of
    from tapescan.market.calendar import is_session, next_session

    if session is None:
        return next_session(date_of(as_of))
    day = parse_date(session, "session")
    assert day is not None
    if not is_session(day):
        raise OptionError(f"{day} is no session of the exchange", "name one that is", field="session")
    return day


@contextmanager
def _opened(store: Place, source: str | Feed | None, pace: float, progress: Progress) -> Iterator[tuple[Store, Feed]]:
    """The store and the feed; a simulated market in a folder that goes with it where no store is named."""
    from tapescan.live.sources import feed_names, feed_of

    if not _is_embedded(store, source) and (store or setting("store")):
        if source is None:
            raise OptionError("none is named", f"feeds: {', '.join(feed_names())}", field="source")
        # Its key and plan are looked at before the store is read.
        yield open_store(store), feed_of(source) if isinstance(source, str) else source
        return
    if source not in (None, "simulated"):
        raise OptionError("none is named", "a feed follows a store: name one", field="store")
    import polars as pl

    from tapescan.importing.importing import import_frames
    from tapescan.live.simulated import SimulatedFeed
    from tapescan.market.quality import BAR_COLUMNS, check_bars
    from tapescan.simulation.market import simulate
    from tapescan.store import Store

    progress(0, 0, "simulating a market")
    market = simulate(symbols=SYMBOLS, sessions=SESSIONS)
    good = check_bars(market.bars)[0].select(BAR_COLUMNS)
    newest = pl.col("session") == pl.col("session").max()
    with scratch_folder() as folder:
        found = Store(folder / "market")
        known = pl.col("ex_date") <= good["session"].max()
        frames = [good.filter(~newest), market.splits.filter(known), market.dividends.filter(known), market.listing]
        import_frames(found, [frame for frame in frames if len(frame)], progress=progress)
        yield found, SimulatedFeed(good.filter(newest), pace)


def _each(following: Following) -> Iterator[Scanned]:
    """The minutes of a session that is followed by a thread of its own, so that its feed is read whatever the reader
    of the minutes does."""
    out: queue.Queue[Scanned | BaseException | None] = queue.Queue()
    ended = threading.Event()
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = []

    async def follow() -> None:
        minutes = following.minutes()
        task = asyncio.current_task()
        assert task is not None
        running.append((asyncio.get_running_loop(), task))
        try:
            async for one in minutes:
                out.put(one)
                if ended.is_set():
                    return
        finally:
            await minutes.aclose()  # type: ignore[attr-defined]

    def work() -> None:
        try:
            asyncio.run(follow())
        except asyncio.CancelledError:  # nobody reads any more
            out.put(None)
        except BaseException as error:  # noqa: BLE001 (raised in the thread that reads)
            out.put(error)
        else:
            out.put(None)

    worker = threading.Thread(target=work, name="tapescan-live", daemon=True)
    worker.start()
    try:
        while (one := out.get()) is not None:
            if isinstance(one, BaseException):
                raise one
            yield one
    finally:
        ended.set()
        # Between two minutes a feed waits: it is ended there, and what came is stored.
        for loop, task in running:
            with suppress(RuntimeError):  # it is over already
                loop.call_soon_threadsafe(task.cancel)
        worker.join(timeout=10.0)
