"""A ranked cross-section as the rows of a result: every requested symbol one, the ranked ones first."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import compress
from typing import Any

import numpy as np
import polars as pl

from tapescan.columns.definition import Column
from tapescan.columns.factors import FACTORS, points_column, value_column
from tapescan.columns.registry import all_columns, find_column, sources_of
from tapescan.core.labels import Labels
from tapescan.core.typing import Bools, Floats, Ints
from tapescan.scan.account import Fitting, Moves, Rows
from tapescan.scan.assembled import Assembled, Gradual, Late, Values
from tapescan.scan.cross_section import ColumnValues, CrossSection
from tapescan.scan.listing import Listing
from tapescan.scan.request import MATCHED, ORDER, Ranking, Request
from tapescan.scan.result import Coverage
from tapescan.scan.score import Score
from tapescan.scan.screening import SectionSession, as_series, satisfied
from tapescan.scan.tradeplan import TradePlan

__all__ = ["Ranks", "assemble", "in_order", "scored_columns", "value_columns", "whole"]

#: What a reader looks for first stands first.
LEADING = ("symbol", "score", "side", "close", "entry", "stop", "target", "shares", "dollars", "risk", "limit")


def value_columns(factors: Mapping[str, Floats]) -> dict[str, str]:
    """The column of the values of each factor and each forecast, by its name in the score."""
    own = {factor.name: value_column(factor.name) for factor in FACTORS if factor.name in factors}
    # The factors that every scan has, then the models, whose names are those of their columns.
    return own | {name: name for name in factors if name not in own}


@dataclass(frozen=True)
class Ranks:
    """What ranking a cross-section found out.

    columns : those that are known when all are scored (`scored_columns`). long : where the side is long.
    shares : those of the trades, whole. dropped : why a symbol may not be ranked, of code 0 for the eligible.
    matched : who satisfies each named screen. moves : as of `account.Rows`.
    """

    columns: Mapping[str, Any]
    long: Bools
    trades: TradePlan
    shares: pl.Series
    dropped: Labels
    matched: Mapping[str, Bools]
    moves: Moves


def assemble(section: CrossSection, request: Request, ranks: Ranks) -> tuple[Assembled, Coverage]:
    """The rows, screened and ranked, and the coverage counted from them."""
    dropped, matched = ranks.dropped, ranks.matched
    symbols = len(dropped)
    own: dict[str, Any] = {"side": Labels(("short", "long"), ranks.long.astype(np.int64)), **ranks.columns}
    own |= vars(ranks.trades)
    values = section.values(own, request.profile.risk.hold)
    for name in request.shown:
        own[name] = _shown(find_column(name), section, values)
    own["shares"] = ranks.shares
    eligible = dropped.codes == 0
    session = SectionSession(section, eligible, values)
    for name, expression in request.computed.items():
        own[name] = as_series(name, expression, session)
    if request.ranking.column == ORDER:
        own[ORDER] = as_series(ORDER, request.ranking.expression, session)
    if len(matched) > 1:
        own[MATCHED] = Labels.of_flags(matched, symbols)
    wanted = np.logical_or.reduce([*matched.values()]) if matched else np.ones(symbols, dtype=bool)
    if request.where is not None:
        wanted &= satisfied(request.where, session)
    why = dropped.where(eligible & ~wanted, "screen").then(section.listing.absent)
    columns = {one.name: section.listing.columns[one.name] for one in all_columns("listing") if one.always} | own
    by = columns[request.ranking.column]
    by = by.values if isinstance(by, Late) else by
    ranked = in_order(section.listing, eligible & wanted, by, request.ranking)
    listed = {name for name in request.shown if _is_listed(find_column(name))}
    leading = {name: columns[name] for name in LEADING}
    unseen, unknown = _unseen(section)
    account = _account(section, request, ranks, ranked[0][: ranked[1]])
    silent = frozenset((*own, *account)).difference(listed, unknown)
    return Assembled(leading | account | columns | {"dropped": why}, *ranked, unseen, silent), _coverage(why)


def whole(name: str, values: Floats) -> pl.Series:
    """Whole numbers, of floats that are; null for NaN."""
    return pl.Series(name, values, nan_to_null=True).cast(pl.Int64)


def _account(section: CrossSection, request: Request, ranks: Ranks, order: Ints) -> dict[str, Gradual]:
    """What one account has room for, down to the rows that somebody asks for. order : of the ranked."""

    @cache
    def fitting() -> Fitting:
        sectors = section.listing.sectors
        rows = Rows(
            order=order,
            long=ranks.long,
            sector=sectors.codes,
            beta=section.values()["beta_252"],
            recent=section.recent,
            unknown_sector=sectors.texts.index("") if "" in sectors.texts else -1,
            moves=ranks.moves,
        )
        held = [place for one in request.held if (place := section.listing.places.get(one)) is not None]
        return Fitting(rows, ranks.trades, request.profile.portfolio, request.profile.risk, held)

    def shares(rows: int) -> Values:
        return whole("account_shares", fitting().upto(rows).shares)

    def limit(rows: int) -> Values:
        return fitting().upto(rows).limit

    return {"account_shares": Gradual(shares, len(order)), "account_limit": Gradual(limit, len(order))}


def _unseen(section: CrossSection) -> tuple[Bools, Collection[str]]:
    """Symbols that have no bar in the history of a close, bool ``(symbols,)``, and features that are unknown of them.

    Whether one that stopped long ago is in the panel hangs on what was read, so no word but the listing's may stand
    on it.
    """
    features = section.features
    unseen = np.isnan(features["close"])
    unknown = np.asarray(np.isnan(features.values[:, np.flatnonzero(unseen)]).all(axis=1))
    return unseen, list(compress(features.names, unknown.tolist()))


def scored_columns(section: CrossSection, factors: Mapping[str, Floats], score: Score) -> dict[str, Any]:
    """The columns that are known when all are scored, but for what a trade is made of."""
    nothing = np.where(np.isnan(score.total), np.nan, 0.0)
    named = value_columns(factors)
    return {
        "close": section.features["close"],
        "score": score.total,
        "conviction": np.abs(score.total - 50.0),
        **{points_column(name): score.parts.get(name, nothing) for name in named},
        "unknown_factors": Labels.of_flags(score.unknown, len(nothing)),
        **{column: factors[name] for name, column in named.items()},
    }


def _is_listed(column: Column) -> bool:
    """Whether it stands in the listing, and so is known of symbols without bars too."""
    return column.source == "listing" and column.value is None


def _shown(column: Column, section: CrossSection, values: ColumnValues) -> Values | Late:
    """A column's values, which the cone makes when somebody asks."""
    if "ranges" in sources_of(column.name):
        return Late(lambda: _values(column, section, values))
    return _values(column, section, values)


def _values(column: Column, section: CrossSection, values: ColumnValues) -> Values:
    if _is_listed(column):  # as it stands there, nulls and all
        listed = section.listing_column(column.name)
        return listed.fill_nan(None) if listed.dtype == pl.Float64 else listed
    found = values[column.name]
    if found.dtype == np.float64 and (column.value is None or column.kind == "Float64"):
        return found
    series = pl.Series(column.name, found, nan_to_null=True)
    return series if column.value is None else series.cast(column.dtype)


def in_order(listing: Listing, here: Bools, values: Values, ranking: Ranking) -> tuple[Ints, int]:
    """The places of all: first the ranked in their order, equals by symbol and what is unknown last, then the others
    by symbol; and how many are ranked.

    here : of the panel's symbols, who is ranked. values : what they are ranked by.
    """
    order = listing.order[here[listing.order]]
    found = _sortable(values)[order]
    # NaN stands last either way.
    order = order[np.argsort(found if ranking.ascending else -found, kind="stable")]
    rest = np.ones(len(listing.universe), dtype=bool)
    rest[order] = False
    return np.concatenate((order, listing.by_symbol[rest[listing.by_symbol]])), len(order)


def _sortable(values: Values) -> Floats:
    """Numbers in the order of the values; NaN where there is none."""
    if isinstance(values, np.ndarray):
        return values
    if isinstance(values, Labels):
        return np.argsort(np.argsort(values.texts)).astype(np.float64)[values.codes]
    ranks = values if values.dtype == pl.Float64 else values.rank("dense").cast(pl.Float64)
    return ranks.to_numpy()


def _coverage(dropped: Labels) -> Coverage:
    counts = dropped.counts()
    ranked = counts.pop("", 0)
    return Coverage(len(dropped), ranked, dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))))
