"""A session followed: what a feed brings is merged and stored, and each minute that is over is scanned.

The market of the sessions before is kept (`history.forming`), the session that forms is laid onto it. What came is
stored beside the scan, in the order in which it came; a session that is taken up again begins with what is stored.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from tapescan.core.errors import OptionError, StoreError
from tapescan.core.logging import logger
from tapescan.history.forming import FormingMarket
from tapescan.history.market import Market
from tapescan.live.columns import Before, forming_rows, unknown_rows
from tapescan.live.curve import usual_curve
from tapescan.live.day import Day, Merged
from tapescan.live.feed import Bars, Feed, Over, Said
from tapescan.live.frames import MinuteBars, stored_bars
from tapescan.live.hours import PREMARKET, clock_of
from tapescan.live.numbered import Numbered
from tapescan.live.quotes import most_traded
from tapescan.live.wanted import in_order
from tapescan.market.gather import Gathered
from tapescan.market.panel_bars import bars_of_panel
from tapescan.market.spelling import normal_spelling
from tapescan.scan.result import ScanResult
from tapescan.screen.nodes import MINUTE_FRAMES, Frame
from tapescan.store import Store

__all__ = ["Following", "Scanned"]

#: Symbols that may trade for the first time in a session, before all that is there is moved for them.
MORE = 256

#: A scan of a moment's market.
Scan = Callable[[Market], ScanResult]


@dataclass(frozen=True)
class Scanned:
    """A minute that is over, scanned.

    minute : the one that begins, so bars of all before it are there. result : the scan; None where it could not be
    made. traded : symbols with a bar of the minute that ended; so_far : with any of the session; expected : that had
    one in the session before. merged : what came since the minute before. lag : seconds from the last message of the
    minute to the end of the scan, 0 where the clock was not told. said : lines of the feed since then. lost : whether
    bars do not come for now. trouble : why minutes are not stored for now; they are tried again. quotes : the most
    traded symbols, as `quotes.most_traded`, while scans cannot be made yet. day : the session as far as it has
    formed: for observers alone, since it goes on.
    """

    session: dt.date
    minute: int
    result: ScanResult | None
    traded: int
    so_far: int
    expected: int
    merged: Merged
    lag: float
    said: tuple[str, ...] = ()
    lost: bool = False
    trouble: str = ""
    quotes: pl.DataFrame | None = field(default=None, compare=False)
    day: Day | None = field(default=None, compare=False, repr=False)

    @property
    def clock(self) -> str:
        """The minute as a clock shows it."""
        return clock_of(self.minute)


@dataclass
class Following:
    """One session of a store, followed by a feed.

    market : the store's, as of now. day : the session as far as it has formed. scan : of a moment's market.
    observers : each is told of a minute before anybody else is; what one raises ends the following.
    frames : the bars of some minutes that a scan looks at.
    columns : those that a scan asks for, and what they are made of; the opening ranges among them are made.
    awaited : whether scans can be made by now, asked each minute until they can; then it begins by itself. None where
    it has begun. quoted : rows of quotes that there are until then.
    """

    store: Store
    market: FormingMarket
    feed: Feed
    day: Day
    scan: Scan
    observers: Sequence[Callable[[Scanned], None]] = ()
    columns: Sequence[str] = ()
    frames: Sequence[Frame] = ()
    awaited: Callable[[], bool] | None = None
    quoted: int = 20
    _received: dt.datetime = field(default=dt.datetime.min.replace(tzinfo=dt.UTC), init=False)
    _unsaved: list[pl.DataFrame] = field(default_factory=list, init=False)
    _trouble: str = field(default="", init=False)
    _spelled: Numbered = field(default_factory=Numbered, init=False)
    #: Symbols that the feed spells another way, and how we do.
    _others: dict[str, str] = field(default_factory=dict, init=False)
    _before: Before | None = field(default=None, init=False)
    _before_of: Market | None = field(default=None, init=False)
    _bars: dict[Frame, MinuteBars] = field(default_factory=dict, init=False)
    #: Whom the scan of the market of before ranks, best first.
    _listed: tuple[str, ...] = field(default=(), init=False)

    @classmethod
    def of(cls, store: Store, market: Market, feed: Feed, session: dt.date, scan: Scan) -> Following:
        """As far as it is stored. Raises OptionError for a session that the store holds already."""
        forming = FormingMarket(market)
        assert market.held is not None
        if session <= market.held.known.newest_session:
            what = f"the session of {session} is stored already"
            raise OptionError(what, "follow one that comes after it", field="session")
        room = len(market.panel) + MORE
        day, stored = Day(session, usual_curve(store, session), room), store.minutes(session)
        day.merge(stored.drop("source"))
        found = cls(store, forming, feed, day, scan)
        if len(stored):
            found._received = stored["received"][-1]
        return found

    def scanned(self, minute: int) -> ScanResult | None:
        """The scan at a minute of what is there; None before anybody traded."""
        bars = self.day.bars(minute)
        if bars.is_empty():
            return None
        market = self._laid(self.market.at(bars), minute)
        result = self.scan(market)
        self.market.carry(market)
        return result

    def begin(self) -> ScanResult:
        """Scan the market of before, so that each moment's scan carries on from it."""
        base = self.market.base
        self._known_before()
        result = self.scan(replace(base, live=unknown_rows(base)))
        self._listed = tuple(result.symbols)
        self._spell(pl.Series(base.panel.symbols, dtype=pl.String))
        self.market.begin(self.day.session)
        self._rehearse()
        return result

    def _rehearse(self) -> None:
        """Scan the newest bars as if they were the session's: what its minutes share is made before the first."""
        panel = self.market.base.panel
        bars = bars_of_panel(panel, since=panel.as_of).with_columns(session=pl.lit(self.day.session))
        self.scan(self._laid(self.market.at(bars), self.day.begin + 1))

    def _known_before(self) -> Before:
        if self._before is None or self._before_of is not self.market.base:
            self._before_of = self.market.base
            self._before = Before.of(self._before_of.panel)
            self._bars = {}
            if self.frames:
                splits = self.store.known().read("splits")
                for frame in self.frames:
                    minutes = MINUTE_FRAMES[frame]
                    before = stored_bars(self.store, self.day.session, minutes, splits)
                    self._bars[frame] = MinuteBars(self.day, minutes, before)
        return self._before

    def _laid(self, market: Market, minute: int) -> Market:
        """A moment's market with what the session's minutes say, and what a reader should know of it."""
        share, feed = self.day.usual_share(minute), self.feed
        delay = feed.delay.total_seconds()
        about = {
            "source": feed.name,
            "session": self.day.session.isoformat(),
            "minute": clock_of(minute),
            "usual_share": share,
            "usual_of": self.day.curve.of,
            "delay": delay,
            "simulated": feed.simulated,
        }
        note = f"the session of {self.day.session} as it was at {clock_of(minute)}"
        if share < 1.0:
            note += f": {share:.0%} of a session's volume is usual by then, and volumes are scaled by that"
            note += f" (measured over {self.day.curve.of})"
        if delay:
            note += f"; the feed is {delay / 60:.0f} minutes behind"
        if feed.simulated:
            note += "; it is SIMULATED"
        before = self._known_before()
        bars: dict[str, Gathered] = {frame: one.gathered(market.panel, minute) for frame, one in self._bars.items()}
        if bars:
            some = ", ".join(bars)
            past = max(len(one.before) for one in self._bars.values())
            note += f"; {some} bars are of it and of {past} sessions before whose minutes are stored"
        return replace(
            market,
            live=forming_rows(self.day, minute, market, before, self.columns),
            minute_bars=bars,
            provenance={**market.provenance, "live": about},
            notes=(*market.notes, note),
        )

    async def minutes(self) -> AsyncIterator[Scanned]:
        """Each minute that is over, until the session is.

        Raises VendorError as the feed does, and StoreError where the store cannot be read.
        """
        said: list[str] = []
        lost, merged = False, Merged()
        saving: asyncio.Task[None] | None = None
        since = self.day.newest if self.day.newest >= 0 else PREMARKET
        symbols = in_order(self.market.base.panel, self._listed)
        try:
            async for event in self.feed.events(self.day.session, since, symbols):
                if isinstance(event, Bars):
                    merged = Merged._make(one + more for one, more in zip(merged, self._merge(event), strict=True))
                elif isinstance(event, Said):
                    said.append(event.text)
                    lost = event.lost
                else:
                    found = await asyncio.to_thread(self._over, event, merged, tuple(said), lost)
                    said, merged = [], Merged()
                    # After the scan, which nobody shall wait longer for: minutes that are lost with the process are
                    # fetched again.
                    if saving is None or saving.done():
                        saving = asyncio.create_task(self._save())
                    yield found
        finally:
            if saving is not None:
                await saving
            await self._save()

    def _merge(self, event: Bars) -> Merged:
        """Take bars in, stamped in the order in which they came."""
        if event.rows.is_empty():
            return Merged()
        rows = event.rows
        self._spell(rows["symbol"])
        if self._others:
            rows = rows.with_columns(pl.col("symbol").replace(self._others))
        now = max(dt.datetime.now(dt.UTC), self._received + dt.timedelta(microseconds=1))
        self._received = now + dt.timedelta(microseconds=len(rows) - 1)
        times = pl.Series([now], dtype=pl.Datetime("us", "UTC")).to_physical()[0] + np.arange(len(rows))
        rows = rows.with_columns(received=pl.Series(times).cast(pl.Datetime("us", "UTC")))
        self._unsaved.append(rows)
        return self.day.merge(rows)

    def _spell(self, names: pl.Series) -> None:
        """Know which symbols we spell another way; each is looked at once."""
        known = len(self._spelled.names)
        self._spelled.of(names)
        if new := self._spelled.names[known:]:
            given = pl.Series(new, dtype=pl.String)
            both = zip(new, normal_spelling(given).to_list(), strict=True)
            self._others |= {name: ours for name, ours in both if name != ours}

    def _quotes(self) -> pl.DataFrame:
        splits = self.store.known().read("splits")
        return most_traded(self.day, self.market.base.panel, splits, self.quoted)

    async def _save(self) -> None:
        """Store what came; what cannot be stored is tried again with the next minute."""
        # Taken here and not beside: what comes meanwhile is for the next time.
        mine, self._unsaved = self._unsaved, []
        if not mine:
            return
        try:
            await asyncio.to_thread(self.store.add_minutes, pl.concat(mine), self.feed.name)
            self._trouble = ""
        except StoreError as error:  # a disk that is full or away: it may come back
            self._trouble = str(error)
            self._unsaved = [*mine, *self._unsaved]
            logger.warning("minutes are not stored: %s", error)

    def _over(self, event: Over, merged: Merged, said: tuple[str, ...], lost: bool) -> Scanned:
        """Scan a minute, and tell the observers."""
        self.market.refresh()
        if self.awaited is not None and self.awaited():
            self.awaited = None
            self.begin()
        result = None if self.awaited is not None else self.scanned(event.minute)
        base = self.market.base
        day = base.panel.as_of
        found = Scanned(
            self.day.session,
            event.minute,
            result,
            traded=self.day.traded_in(event.minute - 1),
            so_far=int((self.day.totals.at >= 0).sum()),
            expected=int((base.panel.newest == day).sum()),
            merged=merged,
            lag=time.monotonic() - event.came if event.came else 0.0,
            said=said,
            lost=lost,
            trouble=self._trouble,
            quotes=None if self.awaited is None else self._quotes(),
            day=self.day,
        )
        for observer in self.observers:
            observer(found)
        return found
