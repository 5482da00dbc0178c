"""Use case: one market in memory that many ask at once, while its store grows: what servers show."""

from __future__ import annotations

import datetime as dt
import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec
import numpy as np
import polars as pl

from tapescan.api.asked import Asked
from tapescan.api.places import Data
from tapescan.api.scans import load_market, opened, scan_market
from tapescan.core.dates import date_of
from tapescan.core.errors import OptionError, StoreError
from tapescan.core.progress import Progress, silent
from tapescan.core.results import Result
from tapescan.core.typing import Floats

if TYPE_CHECKING:
    from tapescan.api.alerts import AlertRow
    from tapescan.doctor.examine import Diagnosis
    from tapescan.history.market import Market
    from tapescan.models.forecast import Models
    from tapescan.replay.breadth import BreadthResult
    from tapescan.replay.plot import ScreenPlot
    from tapescan.replay.ranks import RankHistory
    from tapescan.scan.explain import Explanation
    from tapescan.scan.expressed import ExpressedPlan
    from tapescan.scan.result import ScanResult

__all__ = ["Asked", "Overview", "Resident", "etag_of", "sessions_after"]

#: Seconds between two looks at a store, and scans that are kept for who asks the same again.
LOOK, KEPT = 1.0, 16
#: Sessions of which ranks are computed at once, as a page asks for, and at most; and rankings that are kept.
RANKED, MOST_RANKED, RANKINGS = 63, 252, 4

K = TypeVar("K")
T = TypeVar("T")


class Overview(Result, msgspec.Struct, frozen=True):
    """What a market is.

    as_of : its newest session. behind : sessions of the exchange after it that are over. symbols, listed : of the
    panel, and that were asked for. simulated : whether prices are invented. store : the name of its folder, empty for
    none. generation : grows whenever something came into the store. notes : what a reader should know.
    trouble : why the store cannot be read for now.
    """

    as_of: dt.date
    behind: int
    symbols: int
    listed: int
    simulated: bool
    store: str
    generation: int
    notes: tuple[str, ...]
    trouble: str = ""


class Resident:
    """A market that is kept in memory, scanned for whoever asks, and brought forward when its store has more.

    Methods may be called from many threads. One scan runs at a time: each takes all cores. What reads the store
    beside the market in memory (past days, quotes, breadth) waits for its like alone.
    """

    def __init__(
        self,
        data: Data = None,
        *,
        models: Models | str | Path | Literal[False] | None = None,
        progress: Progress = silent,
    ) -> None:
        """Arguments as in `scan_market`; the market is read at once."""
        import tapescan.screen.translation  # noqa: F401 (the first condition does not wait for it)
        from tapescan.scan.opening import chosen_models

        self._given = opened(data)
        self._models = chosen_models(self._given, models, None)
        self._market: Market = load_market(self._given, progress=progress)
        self._names = frozenset(self._market.universe["symbol"])
        #: For what is of the market in memory; for what is read of the store beside it, which takes long.
        self._turn, self._slowly = threading.RLock(), threading.RLock()
        self._scans: OrderedDict[Asked, ScanResult] = OrderedDict()
        self._breadth: OrderedDict[str, BreadthResult] = OrderedDict()
        self._ranks: OrderedDict[tuple[str, dt.date | None], RankHistory] = OrderedDict()
        self._past: OrderedDict[dt.date, Market] = OrderedDict()
        self._looked, self._generation, self._trouble = time.monotonic(), 0, ""

    @property
    def place(self) -> str:
        """The folder or URL of the store; empty for a market of none."""
        return "" if self._market.store is None else str(self._market.store.path)

    @property
    def generation(self) -> int:
        """Grows whenever something came into the store."""
        return self._generation

    def refresh(self) -> bool:
        """Look whether something came into the store, at most once a second; whether the market is another one."""
        with self._turn:
            if self._market.store is None or time.monotonic() - self._looked < LOOK:
                return False
            self._looked = time.monotonic()
            try:
                fresh = self._market.refresh()
            except StoreError as error:  # a disk that is away may come back: what was read is shown, and that is said
                self._trouble = str(error)
                return False
            self._trouble = ""
            if fresh is self._market:
                return False
            self._market, self._names = fresh, frozenset(fresh.universe["symbol"])
            for kept in (self._scans, self._breadth, self._ranks, self._past):
                kept.clear()
            self._generation += 1
        return True

    def scan(self, asked: Asked = Asked()) -> ScanResult:  # noqa: B008 (frozen)
        """As `scan_market`; who asks what was asked before is given the same result. Its rows are made when they are
        asked for: `of_scan` reads them while the market stays as it is."""
        return self.of_scan(asked, lambda result: result)

    def of_scan(self, asked: Asked, what: Callable[[ScanResult], T]) -> T:
        """What is made of a scan, before anything that came into the store changes the market that it is of."""
        self.refresh()
        if self._is_past(asked.as_of):
            with self._slowly:
                result = self._scanned(asked, self._given)
            return what(result)
        with self._turn:
            return what(self._scanned(asked, self._market))

    def _is_past(self, day: dt.date | None) -> bool:
        """Whether a day is another one than that of the market in memory."""
        return day is not None and day != date_of(self._market.panel.as_of)

    def _scanned(self, asked: Asked, data: Data) -> ScanResult:
        def scan() -> ScanResult:
            return scan_market(
                data,
                as_of=None if data is self._market else asked.as_of,
                profile=asked.profile or None,
                screens=asked.screens,
                where=asked.where or None,
                rank_by=asked.rank_by or None,
                features=asked.features,
                models=self._models,
                express=asked.express,
            )

        return self._remembered(self._scans, KEPT, asked, scan)

    def _remembered(
        self,
        kept: OrderedDict[K, T],
        most: int,
        key: K,
        make: Callable[[], T],
        serves: Callable[[T], bool] = lambda _: True,
    ) -> T:
        """What was answered before, where it serves, or what is made anew, which is kept unless something came into
        the store meanwhile. Callers see to it that one of a kind is made at a time."""
        with self._turn:
            generation = self._generation
            if key in kept and serves(kept[key]):
                kept.move_to_end(key)
                return kept[key]
        found = make()
        with self._turn:
            if generation == self._generation:
                kept[key] = found
            while len(kept) > most:
                kept.popitem(last=False)
        return found

    def explain(self, symbol: str, asked: Asked = Asked()) -> Explanation:  # noqa: B008 (frozen)
        """One symbol of a scan, as `explain_symbol`. Raises OptionError where the market has no such symbol."""
        from tapescan.columns.registry import all_columns
        from tapescan.scan.explain import explain

        ranges = tuple(column.name for column in all_columns("ranges"))
        wanted = tuple(dict.fromkeys((*asked.features, *ranges)))
        return self.of_scan(msgspec.structs.replace(asked, features=wanted), lambda result: explain(result, symbol))

    def __contains__(self, symbol: str) -> bool:
        """Whether a symbol was asked for."""
        return symbol in self._names

    def symbols(self) -> pl.DataFrame:
        """One row a symbol that was asked for: symbol, name, type, sector, industry, exchange as far as they are
        known, newest, bars, delisted, absent."""
        wanted = ("symbol", "name", "type", "exchange", "sector", "industry", "newest", "bars", "delisted", "absent")
        universe = self._market.universe
        return universe.select(name for name in wanted if name in universe.columns).sort("symbol")

    def bars(
        self, symbol: str, columns: Sequence[str] = (), sessions: int = 250, as_of: dt.date | None = None
    ) -> pl.DataFrame:
        """A symbol's newest bars, and columns made of bars on each of them; as `scan.series.series_of`.

        as_of : of the market as it was known on a day, which is read of the store; the last row's values are those of
        a scan as of it. The market of the day last asked for is kept.
        """
        from tapescan.scan.series import series_of

        self.refresh()
        if as_of is None or not self._is_past(as_of):
            return self.read(lambda: series_of(self._market, symbol, columns, sessions))
        with self._slowly:
            return series_of(self._market_of(as_of), symbol, columns, sessions)

    def _market_of(self, day: dt.date) -> Market:
        """The market as it was known on a day. With `_slowly` held."""
        if day not in self._past:
            self._past.clear()  # two markets in memory are enough
        return self._remembered(self._past, 1, day, lambda: load_market(self._given, as_of=day))

    def closes(self, symbols: Sequence[str], sessions: int) -> dict[str, Floats]:
        """The newest closes of symbols that have bars, oldest first, NaN before the first one; as `Panel.recent`."""
        from tapescan.market.panel import places_of

        def read() -> dict[str, Floats]:
            panel = self._market.panel
            places = places_of(panel.symbols)
            known = [name for name in dict.fromkeys(symbols) if name in places]
            found = panel.recent(np.array([places[name] for name in known], np.int64), sessions)
            return dict(zip(known, found.T, strict=True))

        self.refresh()
        return self.read(read)

    def express(self, symbol: str, asked: Asked = Asked(), expiry: str = "") -> ExpressedPlan:  # noqa: B008 (frozen)
        """A symbol's chain and the ways to trade its plan, as `express_plan`."""
        from tapescan.api.options import express_plan

        # What is in memory holds no quotes of a store.
        of_store = self._is_past(asked.as_of) or self._market.store is not None
        with self._slowly if of_store else self._turn:
            return express_plan(
                symbol,
                self._given if of_store else self._market,
                as_of=asked.as_of if of_store else None,
                expiry=expiry or None,
                profile=asked.profile or None,
                models=self._models,
            )

    def plot(
        self, where: str, *, profile: str = "", horizon: int = 5, cost: float = 10.0, sessions: int = 0
    ) -> ScreenPlot:
        """A condition through time, as `replay.plot.plot_screen`; who is eligible is said by a profile."""
        from tapescan.core.settings import setting
        from tapescan.replay.plot import plot_screen
        from tapescan.scan.profile import load_profile

        Asked(profile=profile, where=where)  # refuses what could be a file
        self.refresh()
        filters = load_profile(profile or setting("profile")).filters
        return self.read(
            lambda: plot_screen(self._market, where, filters, horizon=horizon, cost=cost, sessions=sessions)
        )

    def breadth(self, profile: str = "") -> BreadthResult:
        """As `breadth_market`; kept until something comes into the store."""
        from tapescan.api.replaying import breadth_market

        Asked(profile=profile)
        self.refresh()
        # Of every session, which takes long: others are answered meanwhile, and who asks the same waits for it.
        with self._slowly:
            return self._remembered(
                self._breadth, KEPT, profile, lambda: breadth_market(self._given, profile=profile or None)
            )

    def ranks(self, symbol: str, asked: Asked = Asked(), sessions: int = RANKED) -> pl.DataFrame:  # noqa: B008
        """Where a symbol stood in the ranking of a profile, session by session, oldest first; as `RankHistory.of`.

        Of what is asked the profile and the day count. Ranked are all symbols at once, and that is kept until
        something comes into the store. The newest row has the scan's own rank and score.
        Raises OptionError for a market that is kept adjusted for anything but splits, and for one without a past.
        """
        if not 1 <= sessions <= MOST_RANKED:
            raise OptionError(f"{sessions}", f"give 1 to {MOST_RANKED}", field="sessions")
        self.refresh()
        if self._market.adjust != "splits":
            own = f"this market's are for {self._market.adjust}"
            what = f"ranks of past sessions are of prices adjusted for splits, and {own}"
            raise OptionError(what, "serve it with the setting adjust at splits")
        return self._ranked(asked.profile, asked.as_of, sessions).of(symbol, sessions)

    def _ranked(self, profile: str, as_of: dt.date | None, sessions: int) -> RankHistory:
        from tapescan.api.replaying import rank_history

        many = max(sessions, RANKED)

        def rank() -> RankHistory:
            return rank_history(self._given, profile=profile or None, models=self._models, sessions=many, as_of=as_of)

        with self._slowly:
            return self._remembered(self._ranks, RANKINGS, (profile, as_of), rank, lambda known: known.asked >= many)

    def diagnosis(self) -> Diagnosis | None:
        """What is wrong with the store, as `examine_store`; None for a market of none."""
        from tapescan.api.stores import examine_store

        store = self._market.store
        return None if store is None else examine_store(store)

    def models(self) -> tuple[dict[str, Any], ...]:
        """The records of the models that are used."""
        from tapescan.core.results import plain

        return tuple(plain(one.card) for one in self._models.models)

    def alerts(self, most: int = 100) -> tuple[AlertRow, ...]:
        """The newest alerts of the store's outbox, the newest first."""
        from tapescan.api.alerts import alert_log

        store = self._market.store
        return () if store is None else alert_log(store, most)

    def overview(self) -> Overview:
        """What the market is, as of now."""
        market = self._market
        as_of = date_of(market.panel.as_of)
        simulated = "simulated" in market.provenance
        return Overview(
            as_of=as_of,
            behind=0 if simulated else sessions_after(as_of, dt.datetime.now(dt.UTC)),
            symbols=len(market.panel),
            listed=len(market.universe),
            simulated=simulated,
            store="" if market.store is None else Path(market.store.path).name,
            generation=self._generation,
            notes=market.notes,
            trouble=self._trouble,
        )

    def read(self, what: Callable[[], T]) -> T:
        """Read something of the market, or of a scan of it, while it stays as it is: a scan's rows are made when they
        are asked for."""
        with self._turn:
            return what()


def sessions_after(day: dt.date, now: dt.datetime) -> int:
    """How many sessions after a day are over. now : UTC."""
    from tapescan.market.calendar import previous_session, session_count
    from tapescan.market.clock import ready_at, session_under_way

    newest = session_under_way(now)
    over = newest if ready_at(newest, 0) <= now else previous_session(newest)
    return session_count(day, over) - 1 if over > day else 0


def etag_of(result: ScanResult, asked: Asked, *shown: object) -> str:
    """Names what a scan gives to who asks for this: the same for the same bytes, whoever computed them. shown : which
    part of it, and in which form."""
    about = msgspec.json.encode([result.as_of, dict(result.provenance), asked, shown], order="sorted")
    return hashlib.sha256(about).hexdigest()[:32]
