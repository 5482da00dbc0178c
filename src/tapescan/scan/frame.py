"""A ranked cross-section as one frame: every requested symbol a row, the ranked ones first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from tapescan.columns.definition import Column, Values
from tapescan.columns.factors import FACTORS, points_column, value_column
from tapescan.columns.registry import all_columns, find_column
from tapescan.core.typing import Bools, Floats, Texts
from tapescan.scan.cross_section import CrossSection
from tapescan.scan.request import MATCHED, ORDER, Ranking, Request
from tapescan.scan.result import Coverage
from tapescan.scan.score import Score
from tapescan.scan.screening import SectionSession, as_series, satisfied
from tapescan.scan.tradeplan import TradePlan

__all__ = ["Ranks", "assemble", "scored_columns", "value_columns"]

#: What a reader looks for first stands first.
LEADING = ("symbol", "score", "side", "close", "entry", "stop", "target", "shares", "dollars", "risk", "limit")


def value_columns(factors: Mapping[str, Floats]) -> dict[str, str]:
    """The column of the values of each factor and each forecast, by its name in the score."""
    own = {factor.name: value_column(factor.name) for factor in FACTORS}
    # The factors that every scan has, then the models, whose names are those of their columns.
    return own | {name: name for name in factors if name not in own}


@dataclass(frozen=True)
class Ranks:
    """What ranking a cross-section found out.

    columns : those that are known when all are scored (`scored_columns`). long : where the side is long.
    dropped : why a symbol may not be ranked, empty for the eligible. matched : who satisfies each named screen.
    """

    columns: Mapping[str, Any]
    long: Bools
    trades: TradePlan
    dropped: Texts
    matched: Mapping[str, Bools]


def assemble(section: CrossSection, request: Request, ranks: Ranks) -> tuple[pl.DataFrame, Coverage]:
    """The frame, screened and ranked, and the coverage counted from it."""
    dropped, matched = ranks.dropped, ranks.matched
    symbols = len(dropped)
    own: dict[str, Any] = {
        "side": np.where(ranks.long, "long", "short"),
        **ranks.columns,
        **vars(ranks.trades),
    }
    values = section.values(own)
    asked = [find_column(name) for name in request.shown]
    for column in asked:
        own[column.name] = _series(column, section, values)
    facts = [column.name for column in asked if _is_listed(column)]
    eligible = dropped == ""
    session = SectionSession(section, eligible, values)
    for name, expression in request.computed.items():
        own[name] = as_series(name, expression, session)
    if request.ranking.column == ORDER:
        own[ORDER] = as_series(ORDER, request.ranking.expression, session)
    if len(matched) > 1:
        own[MATCHED] = _names_where(matched, symbols)
    wanted = np.logical_or.reduce([*matched.values()]) if matched else np.ones(symbols, dtype=bool)
    if request.where is not None:
        wanted &= satisfied(request.where, session)
    own["dropped"] = np.where(eligible & ~wanted, "screen", dropped)
    listing = [column.name for column in all_columns("listing") if column.always]
    frame = (
        pl.concat([section.listed.select(listing), pl.DataFrame(own)], how="horizontal")
        .with_columns(pl.col(pl.Float64).fill_nan(None))
        .with_columns(pl.col("shares").cast(pl.Int64))
    )
    missing = section.universe.slice(symbols)
    if len(missing):
        more = (section.listing_column(name, missing) for name in facts)
        absent = missing.select(*listing, dropped=pl.col("absent")).with_columns(more)
        frame = pl.concat([frame, absent], how="diagonal")
    return _ranked(frame, request.ranking), _coverage(frame)


def scored_columns(section: CrossSection, factors: Mapping[str, Floats], score: Score) -> dict[str, Any]:
    """The columns that are known when all are scored, but for what a trade is made of."""
    nothing = np.where(np.isnan(score.total), np.nan, 0.0)
    named = value_columns(factors)
    return {
        "close": section.features["close"],
        "score": score.total,
        "conviction": np.abs(score.total - 50.0),
        **{points_column(name): score.parts.get(name, nothing) for name in named},
        "unknown_factors": _names_where(score.unknown, len(nothing)),
        **{column: factors[name] for name, column in named.items()},
    }


def _is_listed(column: Column) -> bool:
    """Whether it stands in the listing, and so is known of symbols without bars too."""
    return column.source == "listing" and column.value is None


def _series(column: Column, section: CrossSection, values: Values) -> Any:
    if _is_listed(column):  # as it stands there, nulls and all
        return section.listing_column(column.name)
    found = values[column.name]
    return found if column.value is None else pl.Series(column.name, found, nan_to_null=True).cast(column.dtype)


def _ranked(frame: pl.DataFrame, ranking: Ranking) -> pl.DataFrame:
    """The eligible first, ordered by the ranking, ties by symbol; then the others by symbol."""
    eligible = pl.col("dropped") == ""
    ordered = frame.sort(
        [~eligible, pl.when(eligible).then(pl.col(ranking.column)), "symbol"],
        descending=[False, not ranking.ascending, False],
        nulls_last=True,
    )
    rank = pl.when(eligible).then(pl.int_range(1, pl.len() + 1, dtype=pl.UInt32))
    leading = [name for name in LEADING if name in ordered.columns]
    return ordered.select(rank.alias("rank"), *leading, pl.all().exclude("dropped", *leading), "dropped")


def _coverage(frame: pl.DataFrame) -> Coverage:
    counts = dict(frame["dropped"].value_counts(sort=True).rows())
    ranked = counts.pop("", 0)
    return Coverage(len(frame), ranked, dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))))


def _names_where(masks: Mapping[str, Bools], symbols: int) -> list[str]:
    """For each symbol, the names whose mask is set, with commas between."""
    texts = [""] * symbols
    for name, mask in masks.items():
        for at in np.flatnonzero(mask):
            texts[at] = f"{texts[at]},{name}" if texts[at] else name
    return texts
