"""One symbol explained: where it stands, what each factor saw, and the trade."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from tapescan.core.errors import OptionError, nearest
from tapescan.features.compute import Features, latest
from tapescan.features.cross import percentile
from tapescan.fundamentals.ratios import RATIOS
from tapescan.history.market import Market
from tapescan.market.index import market_return
from tapescan.market.universe import spelling_key
from tapescan.scan.factors import AVERAGES, FACTORS, OSCILLATORS, RELATIVE_HORIZONS
from tapescan.scan.forecasts import Forecast, Parts
from tapescan.scan.pipeline import Request, run
from tapescan.scan.reasons import REASONS
from tapescan.scan.result import ScanResult

__all__ = ["Explanation", "FactorView", "ForecastView", "Statements", "explain"]


@dataclass(frozen=True)
class FactorView:
    """One factor of one symbol.

    value : its mean z-score, None when unknown. percentile : 0 to 1 among the ranked. points : its term of the
    score. possible : the most it could have given. terms : each term in words and its value as text, None when
    unknown.
    """

    name: str
    title: str
    value: float | None
    percentile: float | None
    points: float | None
    possible: float
    terms: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True)
class ForecastView:
    """One model's forecast of one symbol.

    name, horizon : of the model, the latter in sessions. value : the expected rank among the market, about -0.5 to
    0.5. percentile : 0 to 1 among the forecasts of the scan. parts : what it is made of. These three are None for a
    symbol without a forecast. says : whether the model counts and why.
    """

    name: str
    horizon: int
    value: float | None
    percentile: float | None
    says: str
    parts: Parts | None


@dataclass(frozen=True)
class Statements:
    """What a symbol's ratios are made of.

    company : its number at the SEC, or its symbol. period_end : of the newest statement. known_at : the session from
    which all that went in was known. market_cap : dollars, None when unknown. f_score_tests : how many of the
    F-score's nine tests could be made.
    """

    company: str
    period_end: dt.date
    known_at: dt.date
    market_cap: float | None
    f_score_tests: int


@dataclass(frozen=True)
class Explanation:
    """row : the symbol's row of the scan's frame. factors : in the order of their weight.
    votes : the technical rating's votes: name and +1, 0, -1 or None. dropped : why it was not ranked, in words;
    empty if it was. statements : None when none of its company are known. forecasts : one a model."""

    symbol: str
    row: dict[str, Any]
    factors: tuple[FactorView, ...]
    votes: tuple[tuple[str, int | None], ...]
    dropped: str
    scan: ScanResult
    statements: Statements | None = None
    forecasts: tuple[ForecastView, ...] = ()


def explain(inputs: Market, request: Request, symbol: str) -> Explanation:
    """Scan, and explain one symbol of it. Raises OptionError for a symbol that was not asked for."""
    result = run(inputs, request)
    own = result.frame.filter(pl.col("symbol") == symbol)
    if own.is_empty():
        # aapl and BRK-B are found as well: the only share of that spelling.
        key = spelling_key(pl.Series([symbol.strip().upper()]))[0]
        own = result.frame.filter(spelling_key(result.frame["symbol"]) == key)
        symbol = own["symbol"][0] if len(own) else symbol
    if own.is_empty():
        hint = nearest(symbol, result.frame["symbol"].to_list()) or "`tapescan scan --format csv` lists all symbols"
        raise OptionError(f"no symbol {symbol!r} in this market", hint)
    found = own.row(0, named=True)
    views: tuple[FactorView, ...] = ()
    votes: tuple[tuple[str, int | None], ...] = ()
    forecasts: tuple[ForecastView, ...] = ()
    if symbol in inputs.panel.symbols:
        at = inputs.panel.symbols.index(symbol)
        features = latest(inputs.panel.last(request.plan.rows), request.plan)
        views, votes = _views(inputs, features, at, found, result), _votes(features, at)
        forecasts = tuple(_forecast(one, symbol, at) for one in result.forecasts)
    dropped = REASONS.get(found["dropped"], "")
    return Explanation(symbol, found, views, votes, dropped, result, _statements(inputs, symbol), forecasts)


def _views(
    inputs: Market, features: Features, at: int, row: dict[str, Any], result: ScanResult
) -> tuple[FactorView, ...]:
    values = {name: features[name][at : at + 1] for name in features.names}
    for horizon in RELATIVE_HORIZONS:
        change = market_return(inputs.panel.index, inputs.panel.as_of, horizon)
        values[f"market_ret_{horizon}"] = np.array([change])
    if inputs.fundamentals is not None:
        values |= {name: inputs.fundamentals[name][at : at + 1].to_numpy() for name in RATIOS}
    shares = result.provenance["weights"]
    views = []
    for factor in FACTORS:
        if any(name not in values for term in factor.terms for name in term.features):
            continue  # a market without statements has nothing to say of it
        share = shares.get(factor.name, 0.0)
        points = row[f"score_{factor.name}"] if share else None
        views.append(
            FactorView(
                name=factor.name,
                title=factor.title,
                value=row[factor.name],
                percentile=None if points is None or row[factor.name] is None else points / (100.0 * share),
                points=points,
                possible=100.0 * share,
                terms=tuple((term.words, _text(term.shown(values)[0], term.style)) for term in factor.terms),
            )
        )
    for forecast in result.forecasts:
        if share := shares.get(forecast.name, 0.0):
            value, points = row[forecast.name], row[f"score_{forecast.name}"]
            known = value is not None and points is not None
            views.append(
                FactorView(
                    name=forecast.name,
                    title=f"a trained model's forecast over {forecast.model.card.horizon} sessions",
                    value=value,
                    percentile=points / (100.0 * share) if known else None,
                    points=points,
                    possible=100.0 * share,
                    terms=(("expected rank", None if value is None else f"{value:+.3f}"),),
                )
            )
    return tuple(sorted(views, key=lambda view: -view.possible))


def _forecast(forecast: Forecast, symbol: str, at: int) -> ForecastView:
    known = not np.isnan(forecast.values[at])
    return ForecastView(
        name=forecast.name,
        horizon=forecast.model.card.horizon,
        value=float(forecast.values[at]) if known else None,
        percentile=float(percentile(forecast.values)[at]) if known else None,
        says=forecast.says,
        parts=forecast.explain([symbol])[0],
    )


def _statements(inputs: Market, symbol: str) -> Statements | None:
    table = inputs.fundamentals
    row = table.filter((pl.col("symbol") == symbol) & pl.col("company").is_not_null()) if table is not None else None
    if row is None or row.is_empty():
        return None
    found = row.row(0, named=True)
    names = ("company", "period_end", "known_at", "market_cap")
    return Statements(**{name: found[name] for name in names}, f_score_tests=int(found["f_score_tests"]))


def _votes(features: Features, at: int) -> tuple[tuple[str, int | None], ...]:
    values = {name: features[name][at : at + 1] for name in features.names}
    close = values["close"]
    averages = [(f"close above {name}", close - values[name]) for name in AVERAGES]
    others = [(name, value(values)) for name, _, value in OSCILLATORS]
    return tuple((name, None if np.isnan(vote[0]) else int(np.sign(vote[0]))) for name, vote in averages + others)


def _text(value: float, style: str) -> str | None:
    # Adding 0.0 turns a negative zero into a plain one.
    return None if np.isnan(value) else style.format(value + 0.0)
