"""What a replay returns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from tapescan.core.files import write_at_once
from tapescan.core.results import Result, plain
from tapescan.replay.statistics import Statistics
from tapescan.replay.verdict import Verdict
from tapescan.replay.worth import Worth

__all__ = ["TRADED", "AccountRecord", "Compared", "Comparison", "ReplayResult", "TradeRecord", "Verified"]

#: The levels of a plan.
_LEVELS = ("stop", "target")

#: What is said of a trade.
TRADED = (
    "session",
    "rank",
    "symbol",
    "side",
    "entry_day",
    "fill_price",
    *_LEVELS,
    "exit_day",
    "exit_price",
    "exit_reason",
    "r",
    "net",
    "held",
)


class TradeRecord(Result, msgspec.Struct, frozen=True):
    """What became of the picks' trades.

    orders : picks. fills, exits : how many of each kind (`trades.FILLS`, `trades.REASONS`). net : mean net return of
    those that were entered, a share of one, each session counting alike. r : the same in multiples of the planned
    risk; NaN for holdings. r_best : where stop and target lay in one bar, with the target first. positive : share of
    trades that gained after costs. ambiguous, gaps : shares of trades.
    """

    orders: int
    fills: dict[str, int]
    exits: dict[str, int]
    net: Worth
    r: Worth
    r_best: float
    positive: float
    ambiguous: float
    gaps: float


class AccountRecord(Result, msgspec.Struct, frozen=True):
    """A cash-limited account that traded the picks. dollars : at the start. annual : a year, a share of one.
    drawdown : 0 to -1. taken, skipped : picks, the latter by reason (`accounts.SKIPS`)."""

    dollars: float
    annual: float
    drawdown: float
    taken: int
    skipped: dict[str, int]


class Verified(Result, msgspec.Struct, frozen=True):
    """Sessions that were scanned anew. differing : those whose rows were not the replay's, byte for byte."""

    sessions: tuple[dt.date, ...]
    differing: tuple[dt.date, ...]


class Compared(Result, msgspec.Struct, frozen=True):
    """One of several that were replayed over the same sessions; shares of one, NaN where not known.

    name : of a screen or profile. picks : how many. annual : net, compounded, a year. over_eligible : net, a year, as
    `Statistics.lead`; t, p : its own, and q : the share of false finds, at most, among those that are as good as it.
    over_index : net, a year. over_matched : before costs, a year; chance : how often a player of matched random picks
    does as well. drawdown : of the net account, 0 to -1. turnover : dollars bought and sold a year, of the capital.
    verdict, sure, sentence : as of `Verdict`.
    """

    name: str
    picks: int
    annual: float
    over_eligible: float
    t: float
    p: float
    q: float
    over_index: float
    over_matched: float
    chance: float
    drawdown: float
    turnover: float
    verdict: str
    sure: bool
    sentence: str


class Comparison(Result, msgspec.Struct, frozen=True):
    """Several screens or profiles beside each other, in the order asked. first, last : sessions. trials : how many
    screens were tried, these included."""

    first: dt.date
    last: dt.date
    trials: int
    rows: tuple[Compared, ...]


class ReplayResult(Result, msgspec.Struct, frozen=True, eq=False):
    """A replay.

    verdict : in one sentence, with what belongs beside it and the warnings. statistics : by session.
    trades, account : of the picks as trades. capacity : annual net return by dollars of account.
    picks : a row a pick: session, rank, symbol ..., with what came of its trade and its return (forward).
    daily : a row a session: eligible, ranked, picked, the cohorts' gross and net return from close to close, and
    those of all eligible and of the index from open to open; `net_over_eligible` is that of the session's own picks,
    over the hold.
    curves : a row a session on which a cohort ends (`curves.trace_accounts`).
    first, last : sessions. partial : whether it was broken off. verified, comparison : None where that was not asked
    for.
    """

    title: str
    first: dt.date
    last: dt.date
    verdict: Verdict
    statistics: Statistics
    trades: TradeRecord
    account: AccountRecord
    capacity: dict[str, float]
    picks: pl.DataFrame
    daily: pl.DataFrame
    curves: pl.DataFrame
    notes: tuple[str, ...]
    provenance: Mapping[str, Any]
    partial: bool = False
    verified: Verified | None = None
    comparison: Comparison | None = None

    def __repr__(self) -> str:
        return f"<ReplayResult of {self.title}, {self.first} to {self.last}: {self.verdict.sentence}>"

    @property
    def traded(self) -> pl.DataFrame:
        """A row a pick that was entered, in the order of the picks.

        session, rank, symbol, side : of the pick. entry_day, fill_price : the next session, and its open. stop,
        target : as planned; null for holdings and where there is none. exit_day, exit_price, exit_reason (of
        `trades.REASONS`) : of a trade that is not over its newest close, and no reason. r, net, held : as of the
        picks. Prices are dollars in the share basis of the pick's session.
        """
        # Every session from the first pick on has a row, whether it was replayed or not.
        days = self.daily["session"]
        rows = self.picks.filter(pl.col("held").is_not_null())
        begun = pl.Series(days.search_sorted(rows["session"]))
        levels = () if self.provenance["plan"] else (pl.lit(None, pl.Float64).alias(name) for name in _LEVELS)
        rows = rows.with_columns(
            *levels, entry_day=days.gather(begun + 1), exit_day=days.gather(begun + rows["held"])
        )
        return rows.select(TRADED)

    def to_json(self) -> str:
        """As indented JSON text, without the picks."""
        found = plain({name: getattr(self, name) for name in self.__struct_fields__ if name != "picks"})
        return msgspec.json.format(msgspec.json.encode(found), indent=2).decode()

    def write_html(self, path: Path | str) -> None:
        """Write a page of it, which needs nothing else. Raises FileError when the file cannot be written."""
        from tapescan.replay.report.page import replay_page

        write_at_once(Path(path), replay_page(self).encode())
