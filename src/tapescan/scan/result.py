"""What a scan returns: the ranked frame with its coverage, timings and provenance."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl

from tapescan.core.labels import Labels
from tapescan.core.results import Result
from tapescan.market.regime import Regime

if TYPE_CHECKING:  # imported, they would load all kernels before the command line is even checked
    from tapescan.scan.assembled import Assembled
    from tapescan.scan.cross_section import CrossSection
    from tapescan.scan.forecasts import Forecast

__all__ = ["Changes", "Coverage", "Left", "ScanResult"]


class Coverage(Result, msgspec.Struct, frozen=True):
    """Who was asked for, who was ranked, who was dropped and why: requested = ranked + all of dropped."""

    requested: int
    ranked: int
    dropped: Mapping[str, int]

    def __post_init__(self) -> None:
        if self.requested != self.ranked + sum(self.dropped.values()):
            raise AssertionError(f"coverage does not add up: {self}")

    def __str__(self) -> str:
        reasons = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in self.dropped.items())
        return f"{self.requested:,} requested = {self.ranked:,} ranked" + (f" + {reasons}" if reasons else "")


class Left(Result, msgspec.Struct, frozen=True):
    """A symbol that an earlier scan ranked and this one does not, and why: as the column `dropped`, or ``gone``;
    ``outranked`` where the best alone are compared, and it is ranked below them."""

    symbol: str
    why: str


class Changes(Result, msgspec.Struct, frozen=True):
    """What is new against an earlier scan that asked the same.

    since : its session. recorded : whether it was read from the store's scan history, not computed anew.
    entered : ranked now and not then, best first. left : ranked then and not now. stayed : how many are ranked still.
    """

    since: dt.date
    recorded: bool
    entered: tuple[str, ...]
    left: tuple[Left, ...]
    stayed: int


class ScanResult(Result, msgspec.Struct, frozen=True, eq=False):
    """A whole scan.

    assembled : its rows, of which `frame`, `ranked` and `best` are made when they are asked for.
    timings : seconds a stage; rows are made after them all.
    provenance : what a second scan needs to give the same bytes.
    notes : what a reader should know, one plain line each (a simulated market, a store behind the calendar).
    section : the cross-section that was ranked; explanations look into it.
    features : the columns that were asked for, by option or by the screen.
    forecasts : the models', which explain their columns. changes : where they were asked for.
    """

    as_of: dt.date
    assembled: Assembled
    coverage: Coverage
    regime: Regime
    timings: Mapping[str, float]
    provenance: Mapping[str, Any]
    notes: tuple[str, ...]
    section: CrossSection
    features: tuple[str, ...] = ()
    forecasts: tuple[Forecast, ...] = ()
    changes: Changes | None = None

    def __repr__(self) -> str:
        return f"<ScanResult of {self.as_of}: {self.coverage}>"

    @property
    def frame(self) -> pl.DataFrame:
        """One row a requested symbol, the ranked ones first in rank order; `rank` is null for the others and
        `dropped` says why. `score` is the sum of the columns ``score_*``. Made at the first use, and kept.
        """
        return self.assembled.frame

    @property
    def stale(self) -> dict[str, int]:
        """How many of the symbols dropped as stale are behind by 1, by 2 to 5, and by more sessions."""
        rows = self.assembled.columns
        dropped, behind = rows["dropped"], rows["sessions_behind"]
        assert isinstance(dropped, Labels)
        assert isinstance(behind, pl.Series)
        # What is unknown is NaN, which is above no number.
        days = behind.to_numpy()[dropped.among(("stale",))]
        many, few, one = (int((days > least).sum()) for least in (5, 1, 0))
        return {"1": one - few, "2-5": few - many, "more": many}

    @property
    def ranked(self) -> pl.DataFrame:
        """The ranked symbols only, best first, without the `dropped` column."""
        return self.frame.head(self.coverage.ranked).drop("dropped")

    @property
    def symbols(self) -> list[str]:
        """The ranked symbols, best first."""
        return self.assembled.head(self.coverage.ranked, ("symbol",))["symbol"].to_list()

    def best(self, top: int) -> pl.DataFrame:
        """The first so many rows of `ranked`; the others are not made."""
        return self.assembled.head(*self._best(top))

    def _best(self, top: int) -> tuple[int, list[str]]:
        names = [name for name in self.assembled.names if name != "dropped"]
        return min(max(top, 0), self.coverage.ranked), names

    def to_dict(self, top: int | None = None) -> dict[str, Any]:
        """The scan as one plain object, ready for JSON; absent values are None.

        Each row says what its forecasts are made of: ``explain_alpha_xgboost_5`` has the sum of each family of
        features and the base, which add up to ``alpha_xgboost_5``; ``explain_alpha_tft_5`` has what the network
        looked at (`scan.forecasts.Looked`). The setting `explain` leaves them out.
        """
        return {
            "as_of": self.as_of.isoformat(),
            "regime": self.regime.to_dict(),
            "coverage": self.coverage.to_dict(),
            "stale_by_sessions": self.stale,
            "timings": {stage: round(seconds, 6) for stage, seconds in self.timings.items()},
            "provenance": dict(self.provenance),
            "notes": list(self.notes),
            **({"changes": self.changes.to_dict()} if self.changes else {}),
            "rows": self._explained(self.coverage.ranked if top is None else top),
        }

    def _explained(self, top: int) -> list[dict[str, Any]]:
        found = self.assembled.plain(*self._best(top))
        for forecast in self.forecasts:
            if not forecast.explained:
                continue
            symbols = [row["symbol"] for row in found]
            both = zip(found, forecast.explain(symbols), forecast.looked(symbols), strict=True)
            for row, parts, looked in both:
                known = None if parts is None else {**parts.families, "base": parts.base}
                row[f"explain_{forecast.name}"] = known if looked is None else asdict(looked)
        return found

    def _repr_html_(self) -> str:
        """What a notebook shows: the best 20 with what a reader should know of them."""
        from tapescan.scan.notebook import as_html

        return as_html(self)

    def to_json(self, top: int | None = None) -> str:
        """`to_dict` as indented JSON text."""
        return msgspec.json.format(msgspec.json.encode(self.to_dict(top)), indent=2).decode()
