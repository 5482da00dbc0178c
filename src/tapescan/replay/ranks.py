"""Where every symbol stood in the ranking of each of some sessions: all at once, since a scan ranks all."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tapescan.core.dates import date_of, day_number
from tapescan.core.errors import OptionError
from tapescan.core.progress import Progress, silent
from tapescan.core.typing import Days, Ints
from tapescan.market.renames import Rename
from tapescan.replay.keeping import kept_past
from tapescan.replay.source import Source
from tapescan.replay.walk import Walk
from tapescan.scan.pipeline import rank
from tapescan.scan.request import Request

__all__ = ["RankHistory", "rank_sessions"]


@dataclass(frozen=True, eq=False)
class RankHistory:
    """The rankings of some sessions.

    sessions : ascending. ranked : how many were ranked on each, ``(sessions,)``. rows : session, symbol, rank, score
    of all that were ranked, symbols as they were called then. renames : those that are known. asked : for how many
    sessions.
    """

    sessions: Days
    ranked: Ints
    rows: pl.DataFrame
    renames: tuple[Rename, ...]
    asked: int

    def of(self, symbol: str, sessions: int) -> pl.DataFrame:
        """A symbol on the newest so many sessions, oldest first.

        Returns session, symbol (what its company was called then), rank, score (null where it was not ranked), ranked
        (how many were).
        """
        days = self.sessions[-sessions:]
        called = pl.DataFrame(
            {
                "session": pl.Series(days).cast(pl.Date),
                "symbol": pl.Series(_called(symbol, days, self.renames), dtype=pl.String),
                "ranked": self.ranked[-sessions:],
            }
        )
        own = self.rows.filter(pl.col("symbol").is_in(called["symbol"].drop_nulls().unique().to_list()))
        found = called.join(own, on=["session", "symbol"], how="left", maintain_order="left")
        return found.select("session", "symbol", "rank", "score", "ranked")


def rank_sessions(
    source: Source, request: Request, sessions: int, end: dt.date | None = None, progress: Progress = silent
) -> RankHistory:
    """Rank the newest so many sessions of a source, up to a day; each is ranked as a scan as of it ranks.

    Where the ranking hangs on options, those from the first session with any on.
    Raises OptionError where there is no session.
    """
    past = kept_past(source.history, progress)
    days = past.sessions if end is None else past.sessions[past.sessions <= day_number(end)]
    # Nothing is asked but who stands where: no return, and no feature of picks.
    walk = Walk(source, past, request, (), picking=())
    if walk.option_names and (first := source.options(walk.option_names).first) is not None:
        days = days[days >= day_number(first)]
    days = days[-sessions:]
    if not len(days):
        raise OptionError(f"there is no session up to {end}", "choose a later day", field="as_of")
    (bare,) = walk.ranked
    frames: list[pl.DataFrame] = []
    ranked: list[int] = []
    for done, seen in enumerate(walk.sections(days)):
        result = rank(seen.section, bare)
        ranked.append(result.coverage.ranked)
        rows = result.assembled.head(ranked[-1], ("symbol", "rank", "score"))
        frames.append(rows.insert_column(0, pl.Series("session", [result.as_of]).new_from_index(0, len(rows))))
        progress(done + 1, len(days), "ranking sessions")
    renames = (
        () if source.known is None else source.known.read("renames").select("symbol", "ex_date", "former").rows()
    )
    return RankHistory(days, np.array(ranked, np.int64), pl.concat(frames), tuple(renames), sessions)


def _called(symbol: str, days: Days, renames: Sequence[Rename]) -> list[str | None]:
    """What the company that has a symbol on the last of some days was called on each, ascending; None where nobody
    knows, since another had the symbol before."""
    name: str | None = symbol
    named: list[str | None] = []
    begun = dt.date.max  # what it is called now it was called before that day
    for day in map(date_of, reversed(days.tolist())):
        while name is not None:
            taken = {since: former for new, since, former in renames if new == name and day < since < begun}
            left = {since for _, since, former in renames if former == name and day < since < begun}
            if not taken and not left:
                break
            begun = max((*taken, *left))
            name = taken.get(begun)
        named.append(name)
    return named[::-1]
