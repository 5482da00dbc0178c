"""A scan's frame put together the plain way: every column of every symbol at once, in polars, and then sorted.

It says what the result's frame has to be, to the byte. Slow and short of cleverness on purpose: what is unknown of
whom, who stands before whom and what type a column has can be read off it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from tapescan.columns.factors import CUT, FACTORS, points_column, value_column
from tapescan.columns.registry import all_columns, find_column
from tapescan.core.typing import Bools, Floats, Texts
from tapescan.features.cross import SMALLEST_GROUP
from tapescan.market import eligibility
from tapescan.market.calendar import EPOCH
from tapescan.scan.cross_section import CrossSection
from tapescan.scan.factors import factor_columns
from tapescan.scan.profile import Filters
from tapescan.scan.request import MATCHED, ORDER, Ranking, Request
from tapescan.scan.result import ScanResult
from tapescan.scan.score import weight_shares
from tapescan.scan.screening import SectionSession, as_series, satisfied
from tapescan.scan.tradeplan import plan_trades

#: The factors that every scan has.
EVERY = tuple(factor for factor in FACTORS if not factor.asked)

__all__ = ["reference_frame"]

LEADING = ("symbol", "score", "side", "close", "entry", "stop", "target", "shares", "dollars", "risk", "limit")


def reference_frame(found: ScanResult, request: Request) -> tuple[pl.DataFrame, dict[str, int]]:
    """The frame of the cross-section that was ranked, and how many are dropped for each reason; "" for the ranked.

    Taken from the result are its cross-section, the forecasts, and the scale of its risk.
    """
    section, profile = found.section, request.profile
    dropped = _excluded(section, profile.filters)
    if request.filter is not None:
        session = SectionSession(section, dropped == "")
        dropped = np.where((dropped == "") & ~satisfied(request.filter, session), "filter", dropped)
    eligible = dropped == ""
    factors = _factors(section, eligible) | {one.name: one.values for one in found.forecasts}
    gates = {one.name: one.weight for one in found.forecasts}
    nobody = [name for name in factors if np.isnan(factors[name][eligible]).all()] if eligible.any() else []
    shares = weight_shares(profile, section.regime, gates, without=nobody)
    columns = _scored(section, factors, shares, eligible)
    session = SectionSession(section, eligible, columns)
    matched = {one.named.name: eligible & satisfied(one.condition, session) for one in request.screens}
    score = columns["score"]
    long = score >= 50.0 if profile.side == "both" else np.full(score.shape, profile.side == "long")
    for screen in reversed(request.screens):
        if screen.named.side:
            long = np.where(matched[screen.named.name], screen.named.side == "long", long)
    scale = found.provenance["risk_scale"]
    trades = dict(vars(plan_trades(section.features, long, eligible, profile.risk, scale)))
    own = {"side": np.where(long, "long", "short"), **columns, **trades, "limit": trades["limit"].values}
    frame, counts = _assembled(section, request, own, dropped, matched)
    account = pl.DataFrame(
        reference_account(frame, section, request),
        schema={"account_shares": pl.Int64, "account_limit": pl.String},
        orient="row",
    )
    frame = frame.with_columns(account)
    first = ("rank", *LEADING, "account_shares", "account_limit")
    return frame.select(*first, pl.all().exclude("dropped", *first), "dropped"), counts


def reference_account(
    frame: pl.DataFrame, section: CrossSection, request: Request
) -> list[tuple[int | None, str | None]]:
    """Of each row the shares that one account takes, and what limits them: all sums made anew for each row."""
    limits, account = request.profile.portfolio, request.profile.risk.account
    rows = frame.to_dicts()
    betas, places = section.values()["beta_252"], {symbol: at for at, symbol in enumerate(section.symbols)}
    turn = [row for row in rows if row["rank"] is not None and (row["shares"] or 0) >= 1]
    stay = {row["symbol"] for row in turn if row["symbol"] in request.held and row["rank"] <= limits.keep}
    turn.sort(key=lambda row: row["symbol"] not in stay)
    taken: list[dict[str, Any]] = []
    for row in turn:
        way, beta = 1.0 if row["side"] == "long" else -1.0, betas[places[row["symbol"]]]
        row["pull"] = 0.0 if np.isnan(beta) else way * beta * row["entry"]
        lost = row["risk"] / row["shares"]
        heat = limits.max_heat * account - sum(one["took"] * one["risk"] / one["shares"] for one in taken)
        gross = limits.max_gross * account - sum(one["took"] * one["entry"] for one in taken)
        own = [one["took"] * one["entry"] for one in taken if one["sector"] == row["sector"]]
        moves = sum(one["took"] * one["pull"] for one in taken) * np.sign(row["pull"])
        if heat < 0.01 * limits.max_heat * account or gross < 0.01 * limits.max_gross * account:
            row["took"], row["why"] = 0, "heat" if heat < 0.01 * limits.max_heat * account else "gross"
            continue
        rooms = {
            "heat": heat / lost,
            "gross": gross / row["entry"],
            "sector": (limits.max_sector * account - sum(own)) / row["entry"] if row["sector"] else np.inf,
            "beta": (limits.max_beta * account - moves) / abs(row["pull"]) if row["pull"] else np.inf,
        }
        least = min(rooms, key=rooms.__getitem__)
        most = int(max(rooms[least], 0.0) + 1e-9)
        row["took"], row["why"] = min(row["shares"], most), "" if most >= row["shares"] else least
        if row["took"] < max(0.5 * row["shares"], 1.0):
            row["took"] = 0
        elif limits.max_correlation < 1.0 and _moves_alike(row, taken, section, places, limits.max_correlation):
            row["took"], row["why"] = 0, "alike"
        else:
            taken.append(row)
    found: list[tuple[int | None, str | None]] = []
    for row in rows:
        planned = row["rank"] is not None and row["shares"] is not None
        said = "" if row["close"] is not None else None
        found.append((row.get("took", 0) if planned else None, row.get("why", said)))
    return found


def _moves_alike(
    row: dict[str, Any], taken: list[dict[str, Any]], section: CrossSection, places: Mapping[str, int], most: float
) -> bool:
    assert section.recent is not None

    def returns(one: Mapping[str, Any]) -> pl.Series:
        assert section.recent is not None
        return pl.Series(section.recent(np.array([places[one["symbol"]]]), 64)[:, 0]).pct_change().fill_nan(None)

    for one in taken:
        if one["side"] == row["side"]:
            both = pl.DataFrame({"a": returns(row), "b": returns(one)}).drop_nulls()
            found = both.select(pl.corr("a", "b")).item() if len(both) >= 40 else None
            if found is not None and found > most:
                return True
    return False


def _assembled(
    section: CrossSection, request: Request, own: dict[str, Any], dropped: Texts, matched: Mapping[str, Bools]
) -> tuple[pl.DataFrame, dict[str, int]]:
    symbols, eligible = len(dropped), dropped == ""
    values = section.values(own)
    for name in request.shown:
        own[name] = _series(name, section, values)
    session = SectionSession(section, eligible, values)
    for name, expression in request.computed.items():
        own[name] = as_series(name, expression, session)
    if request.ranking.column == ORDER:
        own[ORDER] = as_series(ORDER, request.ranking.expression, session)
    if len(matched) > 1:
        own[MATCHED] = [",".join(name for name, here in matched.items() if here[at]) for at in range(symbols)]
    wanted = np.array([not matched or any(here[at] for here in matched.values()) for at in range(symbols)])
    if request.where is not None:
        wanted &= satisfied(request.where, session)
    own["dropped"] = np.where(eligible & ~wanted, "screen", dropped)
    listing = [column.name for column in all_columns("listing") if column.always]
    frame = (
        pl.concat([section.universe.head(symbols).select(listing), pl.DataFrame(own)], how="horizontal")
        .with_columns(pl.col(pl.Float64).fill_nan(None))
        .with_columns(pl.col("shares").cast(pl.Int64))
    )
    # Of a symbol without a bar for half a year the listing alone has a word.
    said = {*listing, "dropped", *(name for name in request.shown if _is_listed(name))}
    frame = frame.with_columns(
        pl.when(pl.col("close").is_not_null()).then(pl.col(name)).alias(name)
        for name in frame.columns
        if name not in said
    )
    missing = section.universe.slice(symbols)
    if len(missing):
        more = [_listed(name, missing) for name in request.shown if _is_listed(name)]
        absent = missing.select(*listing, dropped=pl.col("absent")).with_columns(more)
        frame = pl.concat([frame, absent], how="diagonal")
    return _ranked(frame, request.ranking), dict(frame["dropped"].value_counts().rows())


def _is_listed(name: str) -> bool:
    column = find_column(name)
    return column.source == "listing" and column.value is None


def _listed(name: str, rows: pl.DataFrame) -> pl.Series:
    dtype = find_column(name).dtype
    return rows[name].cast(dtype) if name in rows.columns else pl.Series(name, [None] * len(rows), dtype=dtype)


def _series(name: str, section: CrossSection, values: Mapping[str, Any]) -> pl.Series:
    if _is_listed(name):
        return _listed(name, section.universe.head(len(section.symbols)))
    column = find_column(name)
    series = pl.Series(name, values[name], nan_to_null=True)
    return series if column.value is None else series.cast(column.dtype)


def _ranked(frame: pl.DataFrame, ranking: Ranking) -> pl.DataFrame:
    """The eligible first, ordered by the ranking, ties by symbol; then the others by symbol."""
    eligible = pl.col("dropped") == ""
    ordered = frame.sort(
        [~eligible, pl.when(eligible).then(pl.col(ranking.column)), "symbol"],
        descending=[False, not ranking.ascending, False],
        nulls_last=True,
    )
    rank = pl.when(eligible).then(pl.int_range(1, pl.len() + 1, dtype=pl.UInt32))
    return ordered.select(rank.alias("rank"), pl.all())


def _excluded(section: CrossSection, filters: Filters) -> Texts:
    listed = section.universe.head(len(section.symbols))
    stale = eligibility.stale(section.newest, (section.as_of - EPOCH).days)
    paid = section.features["close"]
    if "factor" in listed.columns:
        paid = paid * listed["factor"].fill_null(1.0).to_numpy()
    applies = {
        "index": np.array([symbol == section.index for symbol in section.symbols]),
        "delisted": stale & listed["delisted"].to_numpy(),
        "stale": stale,
        "type": eligibility.none_of(listed["type"], filters.types),
        "sector": eligibility.none_of(listed["sector"], filters.sectors) & bool(filters.sectors),
        "short_history": eligibility.short_history(listed["bars"].to_numpy(), filters.min_bars),
        "suspect": listed["symbol"].is_in(section.suspects["symbol"].implode()).to_numpy(),
        "untraded": eligibility.untraded(section.features[eligibility.WITHOUT_TRADE]),
        "price": eligibility.off_price(paid, filters.min_price, filters.max_price),
        "illiquid": eligibility.illiquid(section.features[eligibility.TRADED], filters.min_dollar_volume),
    }
    ordered = [name for name in eligibility.REASONS if name in applies]
    return np.select([applies[name] for name in ordered], ordered, default="")


def _factors(section: CrossSection, eligible: Bools) -> dict[str, Floats]:
    """Term by term, each of the eligible in the order of their symbols."""
    members = np.array([at for at in section.order if eligible[at]], dtype=np.int64)
    columns, found = section.values(), {}
    values = {name: columns[name][members] for name in factor_columns()}
    for horizon, change in section.index_returns.items():
        values[f"market_ret_{horizon}"] = np.full(len(members), change)
    sector = section.universe["sector"].head(len(section.symbols)).fill_null("").rank("dense").to_numpy()[members]
    for factor in EVERY:
        rows = []
        for term in factor.terms:
            row = np.where(np.isinf(term.value(values)), np.nan, term.value(values))
            row = np.clip(_zscores(_tamed(row)), -CUT, CUT)
            rows.append(_beside(row, sector) if factor.neutral else row)
        known = ~np.isnan(rows)
        mean = np.full(len(members), np.nan)
        count, total = known.sum(axis=0), np.where(known, rows, 0.0).sum(axis=0)
        np.divide(total, count, out=mean, where=count > 0)
        found[factor.name] = np.full(len(section.symbols), np.nan)
        found[factor.name][members] = mean
    return found


def _tamed(row: Floats) -> Floats:
    ordered = sorted(row[~np.isnan(row)])
    cut = int(0.01 * len(ordered))
    return np.clip(row, ordered[cut], ordered[-1 - cut]) if cut else row


def _zscores(row: Floats) -> Floats:
    known = ~np.isnan(row)
    count = max(known.sum(), 1)
    centred = row - np.where(known, row, 0.0).sum() / count
    deviation = np.sqrt(np.where(known, centred * centred, 0.0).sum() / count)
    if deviation <= 1e-12 * np.abs(np.where(known, row, 0.0)).max(initial=0.0):
        return np.where(known, 0.0, np.nan)
    scores: Floats = centred / deviation
    return scores


def _beside(row: Floats, sector: Any) -> Floats:
    means, few_total, few = {}, 0.0, 0
    for one in np.unique(sector):
        total, mine = 0.0, row[(sector == one) & ~np.isnan(row)]
        for value in mine:
            total += value
        if len(mine) < SMALLEST_GROUP:
            few_total, few = few_total + total, few + len(mine)
        else:
            means[one] = total / len(mine)
    rest = few_total / few if few else 0.0
    beside: Floats = row - np.array([means.get(one, rest) for one in sector])
    return beside


def _scored(
    section: CrossSection, factors: dict[str, Floats], shares: Mapping[str, float], eligible: Bools
) -> dict[str, Any]:
    total = np.where(eligible, 0.0, np.nan)
    parts, unknown = {}, [""] * len(total)
    for name, share in shares.items():
        known = ~np.isnan(factors[name])
        # The mean place of its equals, from 0 to 1.
        place = pl.Series(np.where(eligible, factors[name], np.nan), nan_to_null=True).rank("average") - 0.5
        rank = place.to_numpy() / (known & eligible).sum()
        parts[name] = np.where(eligible, 100.0 * share * np.where(known, rank, 0.5), np.nan)
        total = total + parts[name]
        for at in np.flatnonzero(eligible & ~known):
            unknown[at] += f",{name}" if unknown[at] else name
    names = {factor.name: value_column(factor.name) for factor in EVERY}
    names |= {name: name for name in factors if name not in names}
    nothing = np.where(eligible, 0.0, np.nan)
    return {
        "close": section.features["close"],
        "score": total,
        "conviction": np.abs(total - 50.0),
        **{points_column(name): parts.get(name, nothing) for name in names},
        "unknown_factors": unknown,
        **{column: factors[name] for name, column in names.items()},
    }
