"""The market that was read of a store is kept with it, and mapped into memory by the next process.

One file a store and adjustment (`history.kept_file`), of the store's newest state: the panel, what else was read of
the bars, and the market that was made of both. It is named after nothing but the adjustment; in it stand the tables
that it was made of (version, and digest of the files of each), and a digest of the code that made it. Of another
state of the same store it is brought forward as a market that is kept in memory is (`history.resident`); of anything
else, or where it is not as it was written, it is made anew. It serves every span that it reaches back for: values
hang on where their history begins, and on no bar before.

Deleting it costs time and nothing else. A scan of a past day takes nothing of it, and leaves it as it is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tapescan.core.dates import date_of, day_number
from tapescan.core.errors import StoreError
from tapescan.core.forks import begin_work
from tapescan.core.logging import logger
from tapescan.core.settings import Adjustment, setting
from tapescan.features.carried import CARRIED
from tapescan.history.kept_file import KeptFile, Unusable, write_kept
from tapescan.history.kept_places import all_kept, code_of, keep
from tapescan.history.market import Market, models_folder
from tapescan.history.resident import brought_forward
from tapescan.history.stored import (
    Held,
    held_of_store,
    market_of,
    market_of_store,
    scanned_of,
    sessions_for,
)
from tapescan.market.index import MarketIndex
from tapescan.market.panel import Panel
from tapescan.store import KnownStore, Store
from tapescan.store.differences import commits_of
from tapescan.store.table import is_remote

__all__ = ["kept_market"]

#: What a market may have a row a symbol of.
_FACTS = ("fundamentals", "dividends", "options")

#: The packages whose code decides what is kept.
_MADE_BY = ("core", "fundamentals", "history", "market", "store", "tables")


def kept_market(
    store: Store, as_of: dt.date | None = None, *, span: int | None = None, adjust: Adjustment = "splits"
) -> Market:
    """As `stored.market_of_store`, of what is kept where it can be; what had to be read is kept."""
    if is_remote(store.path) or store.is_past or not setting("keep"):
        return market_of_store(store, as_of, span=span, adjust=adjust)
    asked = store.known(as_of)
    states = asked.states
    if states is None or "bars" not in states:
        return market_of_store(store, as_of, span=span, adjust=adjust)
    begin_work()
    for kept in _all_kept(store, adjust):
        try:
            found = _of_kept(kept, store, asked, states, span)
        except (Unusable, StoreError) as error:  # of a store that is damaged the reading below says so
            logger.debug("%s is not used: %s", kept.path, error)
            continue
        if found is not None:
            return found
    held = held_of_store(store, asked, span=span, adjust=adjust)
    market = market_of(held)
    if as_of is None:
        sessions = sessions_for(held.known, span)
        begin = None if sessions is None else day_number(held.known.sessions[-sessions])
        _keep(market, held, begin, states)
    return market


def _of_kept(
    kept: _Kept, store: Store, asked: KnownStore, states: Mapping[str, str], span: int | None
) -> Market | None:
    """None where what is kept does not serve."""
    if kept.states != states:
        return _of_older(kept, store, asked, states, span) if asked.day is None else None
    if asked.day is not None and asked.day < kept.newest:
        return None
    known = asked.at_session(kept.sessions)
    begin = _begin(known, span)
    if not kept.reaches(begin):
        return None
    logger.debug("%s serves", kept.path)
    held = kept.held(store, asked, known, span, begin)
    return _as_read(kept.market(held) if asked.day is None else market_of(held), begin)


def _of_older(
    kept: _Kept, store: Store, asked: KnownStore, states: Mapping[str, str], span: int | None
) -> Market | None:
    """What was kept of the store as it was, brought forward and kept again; None where it does not serve."""
    old = KnownStore(store.path, kept.versions, None)
    if old.states != kept.states:
        return None  # of another store, or of commits that were taken back
    logger.debug("bringing %s forward", kept.path)
    whole = kept.held(store, old, old.at_session(kept.sessions), None if kept.begin is None else span, None)
    held = brought_forward(whole, asked)
    if held is None or not kept.reaches(begin := _begin(held.known, span)):
        return None
    # A scan of its own need not carry on what nobody asks for again.
    held.panel.kept.pop(CARRIED, None)
    market = market_of(held)
    _keep(market, held, kept.begin, states)
    return _as_read(market, begin)


def _begin(known: KnownStore, span: int | None) -> int | None:
    """The first day whose bars a span asks for; None for all."""
    sessions = sessions_for(known, span)
    return None if sessions is None else day_number(known.sessions[-sessions])


def _as_read(market: Market, begin: int | None) -> Market:
    """A market that reaches further back, as one of which no bar before a day was read.

    What is computed of bars begins later by itself; here goes what else such a one knows nothing of.
    """
    held = market.held
    if begin is None or held is None:
        return market
    earlier = pl.col("ended").to_physical() < begin
    # Of who has not seen a life's end all bars count.
    unseen = held.lives.filter(earlier)["symbol"].implode()
    every = held.dated.filter(pl.col("symbol").is_in(unseen)).select("symbol", every="bars")
    universe = market.universe
    if len(every):
        universe = universe.join(every, on="symbol", how="left", maintain_order="left")
        universe = universe.with_columns(pl.coalesce("every", "bars").alias("bars")).drop("every")
    # Who has no bar since is not there, and has neither statements nor dividends nor options.
    there = pl.Series(market.panel.newest >= begin)
    facts = [
        rows if rows is None or there.all() else rows.select(pl.when(there).then(pl.all()))
        for rows in (market.fundamentals, market.dividends, market.option_rows)
    ]
    return replace(
        market,
        universe=universe,
        fundamentals=facts[0],
        dividends=facts[1],
        options=facts[2],
        suspects=market.suspects.filter(pl.col("session").to_physical() >= begin),
        held=replace(held, lives=held.lives.filter(~earlier)),
    )


@dataclass(frozen=True)
class _Kept:
    """A file of this code, of a store that this may be."""

    path: Path
    file: KeptFile
    adjust: Adjustment

    @property
    def states(self) -> dict[str, str]:
        found: dict[str, str] = self.file.said["tables"]
        return found

    @property
    def versions(self) -> dict[str, int]:
        found: dict[str, int] = self.file.said["versions"]
        return found

    @property
    def begin(self) -> int | None:
        """The first day whose bars it has; None for all."""
        day: int | None = self.file.said["begin"]
        return day

    @property
    def newest(self) -> dt.date:
        return date_of(self.file.said["newest"])

    @property
    def sessions(self) -> pl.Series:
        return self.file.frame("sessions")["session"]

    def reaches(self, begin: int | None) -> bool:
        return self.begin is None or (begin is not None and begin >= self.begin)

    def market(self, held: Held) -> Market:
        """The very market that `market_of` made of what is held."""
        others: dict[str, Any] = {name: self.file.frame(name) for name in _FACTS if name in self.file}
        return Market(
            held.panel,
            self.file.frame("universe"),
            {"store": scanned_of(held.asked.versions), "adjust": self.adjust},
            tuple(self.file.said["notes"]),
            suspects=self.file.frame("suspects"),
            models=models_folder(held.store),
            adjust=self.adjust,
            store=held.store,
            held=held,
            **others,
        )

    def held(self, store: Store, asked: KnownStore, known: KnownStore, span: int | None, begin: int | None) -> Held:
        """begin : the first day whose bars are asked for; None for all that there are."""
        file, lanes, index = self.file, self.file.frame("lanes"), self.file.frame("index")
        session, change = index["session"].to_numpy(writable=True), index["change"].to_numpy(writable=True)
        close = index["close"].to_numpy(writable=True) if "close" in index.columns else None
        panel = Panel(
            tuple(lanes["symbol"].to_list()),
            file.blocks(lanes["first"].to_numpy(), begin),
            lanes["bars"].to_numpy(writable=True),
            lanes["newest"].to_numpy(writable=True),
            MarketIndex(file.said["index"], session, change, close),
            day_number(self.newest),
        )
        dated, lives, judged = file.frame("dated"), file.frame("lives"), file.frame("judged")
        commits = commits_of(store.path, scanned_of(asked.versions))
        return Held(store, asked.day, span, self.adjust, asked, known, commits, panel, dated, lives, judged)


def _keep(market: Market, held: Held, begin: int | None, states: Mapping[str, str] | None) -> None:
    """Keep it where that can be: no trouble with the disk is an error.

    begin : the first day whose bars were read; None for all.
    """
    if states is None:
        return
    panel, index = held.panel, held.panel.index
    first = np.concatenate([block.first for block in panel.blocks])
    close = {} if index.close is None else {"close": index.close}
    frames = {
        "lanes": pl.DataFrame({"symbol": panel.symbols, "first": first, "bars": panel.bars, "newest": panel.newest}),
        "index": pl.DataFrame({"session": index.session, "change": index.change, **close}),
        "sessions": held.known.sessions.to_frame("session"),
        "dated": held.dated,
        "lives": held.lives,
        "judged": held.judged,
        "universe": market.universe,
        "suspects": market.suspects,
    }
    more = {name: getattr(market, name) for name in _FACTS}
    frames |= {name: rows for name, rows in more.items() if rows is not None}
    said = {
        "code": _code(),
        "adjust": held.adjust,
        "tables": dict(states),
        "versions": scanned_of(held.asked.versions),
        "newest": panel.as_of,
        "begin": begin,
        "index": index.name,
        "notes": list(market.notes),
    }
    keep(held.store.path, f"market-{held.adjust}", lambda path: write_kept(path, panel.blocks, frames, said))


def _all_kept(store: Store, adjust: Adjustment) -> Iterator[_Kept]:
    """The files that this code made, in the places where they lie."""
    for path, file in all_kept(store.path, f"market-{adjust}"):
        if file.said.get("code") == _code() and file.said.get("adjust") == adjust:
            yield _Kept(path, file, adjust)
        else:
            logger.debug("%s was made by other code", path)


def _code() -> str:
    return code_of(_MADE_BY)
