"""One symbol explained: where it stands, what each factor saw, and the trade."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import polars as pl

from tapescan.columns.factors import AVERAGES, FACTORS, OSCILLATORS, points_column, value_column
from tapescan.columns.registry import all_columns
from tapescan.core.errors import OptionError, nearest
from tapescan.core.results import Result, plain
from tapescan.core.text import refuse_broken
from tapescan.core.typing import Floats
from tapescan.features.cross import percentile
from tapescan.market.eligibility import REASONS
from tapescan.market.suspect import in_words
from tapescan.market.universe import spelling_key
from tapescan.scan.cross_section import CrossSection
from tapescan.scan.factors import factor_columns
from tapescan.scan.forecasts import Forecast, Looked, Parts
from tapescan.scan.result import ScanResult

__all__ = ["Explanation", "FactorView", "ForecastView", "Statements", "explain"]


class FactorView(Result, msgspec.Struct, frozen=True):
    """One factor of one symbol.

    value : its mean z-score, None when unknown. percentile : 0 to 1 among the ranked. points : its term of the
    score. possible : the most it could have given. terms : each term in words and its value as text, None when
    unknown. of_statements : whether it takes company statements.
    """

    name: str
    title: str
    value: float | None
    percentile: float | None
    points: float | None
    possible: float
    terms: tuple[tuple[str, str | None], ...]
    of_statements: bool = False


class ForecastView(Result, msgspec.Struct, frozen=True):
    """One model's forecast of one symbol.

    name, horizon : of the model, the latter in sessions. value : the expected rank among the market, about -0.5 to
    0.5. percentile : 0 to 1 among the forecasts of the scan. parts : what it is made of; looked : what it looked at.
    These four are None for a symbol without a forecast, the last two also where the model cannot say, or nobody wants
    to know. says : whether the model counts and why.
    """

    name: str
    horizon: int
    value: float | None
    percentile: float | None
    says: str
    parts: Parts | None
    looked: Looked | None = None


class Statements(Result, msgspec.Struct, frozen=True):
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


class Explanation(Result, msgspec.Struct, frozen=True, eq=False):
    """row : the symbol's row of the scan's frame. factors : in the order of their weight.
    votes : the technical rating's votes: name and +1, 0, -1 or None. dropped : why it was not ranked, in words;
    empty if it was. suspects : its suspect bars among those read, each in words, by its session. statements : None
    when none of its company are known. forecasts : one a model. options : what is known of its options, by column;
    empty for nothing."""

    symbol: str
    row: dict[str, Any]
    factors: tuple[FactorView, ...]
    votes: tuple[tuple[str, int | None], ...]
    dropped: str
    scan: ScanResult
    statements: Statements | None = None
    forecasts: tuple[ForecastView, ...] = ()
    suspects: dict[dt.date, str] = msgspec.field(default_factory=dict)
    options: dict[str, float] = msgspec.field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As plain values; of the scan only what is not its rows."""
        parts = {name: plain(getattr(self, name)) for name in self.__struct_fields__ if name != "scan"}
        if not self.options:
            del parts["options"]
        return parts | {"scan": self.scan.to_dict(top=0)}


def explain(result: ScanResult, symbol: str) -> Explanation:
    """One symbol of a scan. Raises OptionError for a symbol that was not asked for."""
    refuse_broken(symbol, "symbol")
    own = result.frame.filter(pl.col("symbol") == symbol)
    if own.is_empty():
        # aapl and BRK-B are found as well: the only share of that spelling.
        key = spelling_key(pl.Series([symbol.strip().upper()]))[0]
        own = result.frame.filter(spelling_key(result.frame["symbol"]) == key)
        symbol = own["symbol"][0] if len(own) else symbol
    if own.is_empty():
        hint = nearest(symbol, result.frame["symbol"].to_list()) or "`tapescan scan --format csv` lists all symbols"
        raise OptionError(f"no symbol {symbol!r} in this market", hint)
    found, section = own.row(0, named=True), result.section
    views: tuple[FactorView, ...] = ()
    votes: tuple[tuple[str, int | None], ...] = ()
    forecasts: tuple[ForecastView, ...] = ()
    if symbol in section.symbols:
        at = section.symbols.index(symbol)
        shown = tuple(factor.name for factor in FACTORS if value_column(factor.name) in found)
        values = _values(section.with_all_of(symbol), at, shown)
        views, votes = _views(values, found, result), _votes(values)
        forecasts = tuple(_forecast(one, symbol, at) for one in result.forecasts)
    dropped = REASONS.get(found["dropped"], "")
    marked = section.suspects.filter(pl.col("symbol") == symbol)
    return Explanation(
        symbol,
        found,
        views,
        votes,
        dropped,
        result,
        _statements(section, symbol),
        forecasts,
        {row["session"]: in_words(row) for row in marked.iter_rows(named=True)},
        _options(section, symbol),
    )


def _values(section: CrossSection, at: int, factors: tuple[str, ...]) -> dict[str, Floats]:
    """What the factors, and the votes, are made of, of the symbol at one place of the panel, each ``(1,)``."""
    columns = section.values()
    values: dict[str, Floats] = {name: columns[name][at : at + 1] for name in factor_columns(factors)}
    return values | {f"market_ret_{days}": np.array([change]) for days, change in section.index_returns.items()}


def _views(values: Mapping[str, Floats], row: dict[str, Any], result: ScanResult) -> tuple[FactorView, ...]:
    shares = result.provenance["weights"]
    views = []
    for factor in FACTORS:
        if factor.of_statements and result.section.statements is None:
            continue  # a market without statements has nothing to say of it
        if value_column(factor.name) not in row:
            continue
        share, value = shares.get(factor.name, 0.0), row[value_column(factor.name)]
        points = row[points_column(factor.name)] if share else None
        views.append(
            FactorView(
                name=factor.name,
                title=factor.title,
                value=value,
                percentile=None if points is None or value is None else points / (100.0 * share),
                points=points,
                possible=100.0 * share,
                terms=tuple((term.words, _text(term.shown(values)[0], term.style)) for term in factor.terms),
                of_statements=factor.of_statements,
            )
        )
    for forecast in result.forecasts:
        if share := shares.get(forecast.name, 0.0):
            value, points = row[forecast.name], row[points_column(forecast.name)]
            known = value is not None and points is not None
            said = "median log return" if forecast.model.learner.facts.quantiles else "expected rank"
            views.append(
                FactorView(
                    name=forecast.name,
                    title=f"a trained model's forecast over {forecast.model.card.horizon} sessions",
                    value=value,
                    percentile=points / (100.0 * share) if known else None,
                    points=points,
                    possible=100.0 * share,
                    terms=((said, None if value is None else f"{value:+.3f}"),),
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
        looked=forecast.looked([symbol])[0],
    )


def _statements(section: CrossSection, symbol: str) -> Statements | None:
    table = section.statements
    row = table.filter((pl.col("symbol") == symbol) & pl.col("company").is_not_null()) if table is not None else None
    if row is None or row.is_empty():
        return None
    found = row.row(0, named=True)
    names = ("company", "period_end", "known_at", "market_cap")
    return Statements(**{name: found[name] for name in names}, f_score_tests=int(found["f_score_tests"]))


def _options(section: CrossSection, symbol: str) -> dict[str, float]:
    """What is known of a symbol's options, as far as the features that it is made of were computed."""
    table = section.facts.get("options")
    if table is None or symbol not in section.symbols:
        return {}
    at, values = section.symbols.index(symbol), section.values()
    at_hand = {*table.columns, *section.places}
    names = [one.name for one in all_columns("options") if at_hand.issuperset(one.needs or (one.name,))]
    return {name: float(values[name][at]) for name in names if not np.isnan(values[name][at])}


def _votes(values: Mapping[str, Floats]) -> tuple[tuple[str, int | None], ...]:
    close = values["close"]
    averages = [(f"close above {name}", close - values[name]) for name in AVERAGES]
    others = [(name, value(values)) for name, _, value in OSCILLATORS]
    return tuple((name, None if np.isnan(vote[0]) else int(np.sign(vote[0]))) for name, vote in averages + others)


def _text(value: float, style: str) -> str | None:
    # Adding 0.0 turns a negative zero into a plain one.
    return None if np.isnan(value) else style.format(value + 0.0)
