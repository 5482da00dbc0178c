"""One scan, from a panel to a ranked result. `run` reads like the picture of the data's way:

    features -> filters -> cross-section -> factors -> models -> regime -> score -> screen -> plan -> result

Everything here is a whole-market array operation; nothing loops over symbols, touches disk or looks at a clock
except for its own stage timings.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import polars as pl

from tapescan.core.errors import OptionError
from tapescan.core.typing import Bools, Floats, Ints, Texts
from tapescan.features.compute import Features, latest
from tapescan.features.plan import Plan, plan_features
from tapescan.fundamentals.ratios import RATIOS
from tapescan.history.market import BARS, LISTING, Market
from tapescan.market.index import market_return
from tapescan.market.panel import Panel
from tapescan.market.regime import market_regime
from tapescan.models.forecast import Models
from tapescan.scan.factors import FACTORS, RELATIVE_HORIZONS, factor_features, factor_values
from tapescan.scan.forecasts import Basis, Forecast, forecast_market, model_notes, usable
from tapescan.scan.profile import Filters, Profile
from tapescan.scan.result import Coverage, ScanResult
from tapescan.scan.score import Score, score_symbols, weight_shares
from tapescan.scan.screen import Ranking, Screen, features_among, parse_ranking, parse_screen
from tapescan.scan.tradeplan import TradePlan, plan_features_needed, plan_trades
from tapescan.version import __version__

__all__ = ["Request", "prepare", "run"]

T = TypeVar("T")

FACTOR_TYPES = dict.fromkeys((name for f in FACTORS for name in (f.name, f"score_{f.name}")), pl.Float64)

#: The columns that every result has, and that a screen may use, with their types.
RESULT_TYPES: dict[str, pl.DataType | type[pl.DataType]] = {
    **dict.fromkeys(("symbol", *LISTING, "side", "unknown_factors", "limit"), pl.String),
    **dict.fromkeys(("bars", "sessions_behind", "shares"), pl.Int64),
    "newest": pl.Date,
    **dict.fromkeys(("close", "score", "conviction", "entry", "stop", "target", "dollars", "risk"), pl.Float64),
    **FACTOR_TYPES,
}

#: What a reader looks for first stands first.
LEADING = ("symbol", "score", "side", "close", "entry", "stop", "target", "shares", "dollars", "risk", "limit")

#: How a profile's side orders the result when nothing else is asked for.
RANKING = {"long": "score desc", "short": "score asc", "both": "conviction desc"}


@dataclass(frozen=True)
class Request:
    """What is asked of a scan, parsed and planned before any data is read.

    shown : features and ratios that the result carries as columns. named : those, and columns that every result of
        these models has, as far as they were asked for. plan : all features that are needed.
    models : those whose forecasts are columns, and take part in the score as far as they may.
    """

    profile: Profile
    screen: Screen | None
    ranking: Ranking
    shown: tuple[str, ...]
    named: tuple[str, ...]
    plan: Plan
    models: Models


def prepare(
    profile: Profile,
    *,
    where: str | None = None,
    rank_by: str | None = None,
    features: Sequence[str] = (),
    models: Models | None = None,
) -> Request:
    """Parse and check everything a scan is asked for, so that bad input fails before any work.

    where : SQL condition over result columns, features and ratios (RATIOS). rank_by : a column of these, with ``asc``
    or ``desc`` if wanted; None for the profile's own: the highest score for longs, the lowest for shorts, the
    furthest from 50 for both. features : further features and ratios to show. models : trained ones, none for None.
    Raises ScreenError and OptionError.
    """
    models = usable(models or Models(()))
    alphas = [name for model in models.models for name in (model.card.column, f"score_{model.card.column}")]
    types = RESULT_TYPES | dict.fromkeys(alphas, pl.Float64)
    columns = (*types, *RATIOS)
    screen = parse_screen(where) if where is not None else None
    ranking = parse_ranking(rank_by or RANKING[profile.side])
    parts = (*FACTOR_TYPES, *alphas)
    kernels = [
        *features_among(features, (*RATIOS, *parts), "--features", OptionError),
        *(features_among(screen.names, columns, "--where") if screen else ()),
        *features_among([ranking.column], columns, "--rank-by"),
    ]
    plan = plan_features((*factor_features(), *plan_features_needed(profile.risk), *kernels, *models.features))
    shown = (*features, *(screen.names if screen else ()), ranking.column)
    # The close is a column of the result already.
    new = tuple(name for name in dict.fromkeys(shown) if name not in types)
    named = tuple(name for name in dict.fromkeys(shown) if name not in types or name in parts)
    if screen is not None:
        # On no rows, so that a predicate of the wrong type fails now and not after the scan.
        screen.matches(pl.DataFrame(schema={**types, **dict.fromkeys(new, pl.Float64)}))
    return Request(profile, screen, ranking, new, named, plan, models)


def run(inputs: Market, request: Request) -> ScanResult:
    """Scan the panel."""
    # No more history than the plan asks for: what else was loaded must not change the last bits of a recursion.
    panel, profile = inputs.panel.last(request.plan.rows), request.profile
    clock = _Clock()

    features = clock.time("features", lambda: latest(panel, request.plan))
    dropped = clock.time("filters", lambda: _filter(panel, inputs.universe, features, profile.filters))
    eligible = dropped == ""
    regime = clock.time("regime", lambda: market_regime(panel.index, panel.as_of))
    market = {horizon: market_return(panel.index, panel.as_of, horizon) for horizon in RELATIVE_HORIZONS}
    sector = _codes(inputs.universe["sector"].head(len(panel)))
    # In the order of the symbols, so that sums over the market do not depend on how the panel lies.
    members = inputs.by_symbol[eligible[inputs.by_symbol]]
    ratios = _ratios(inputs)
    factors = clock.time("factors", lambda: factor_values(features, ratios, market, members, sector))
    as_of = dt.date(1970, 1, 1) + dt.timedelta(days=panel.as_of)
    listed, basis = inputs.universe.head(len(panel)), Basis(as_of, panel.index.name, inputs.adjust)
    forecasts: tuple[Forecast, ...] = ()
    if request.models.models:
        forecasts = clock.time("models", lambda: forecast_market(request.models, features, members, listed, basis))
        factors |= {one.name: one.values for one in forecasts}
    gates = {one.name: one.weight for one in forecasts}
    shares = weight_shares(profile, regime, gates)
    unknown = [name for name in shares if members.size and np.isnan(factors[name]).all()]
    # What is unknown of everybody ranks nobody: its weight goes to the other factors.
    shares = weight_shares(profile, regime, gates, without=unknown)
    score = clock.time("score", lambda: score_symbols(factors, shares, eligible))
    long = _sides(profile, score.total)
    now = {regime.trend, regime.volatility}
    scale = min((risk for label, risk in profile.regime.risk.items() if label in now), default=1.0)
    trades = clock.time("plan", lambda: plan_trades(features, long, eligible, profile.risk, scale))
    frame, coverage = clock.time(
        "result", lambda: _assemble(inputs, request, features, ratios, factors, score, long, trades, dropped)
    )
    return ScanResult(
        as_of=as_of,
        frame=frame,
        coverage=coverage,
        regime=regime,
        timings=clock.seconds,
        provenance=_provenance(inputs, request, forecasts, shares, scale),
        notes=(
            *inputs.notes,
            *_unknown_notes(inputs, request, unknown, shares),
            *model_notes(request.models, forecasts),
        ),
        features=request.named,
        forecasts=forecasts,
    )


def _filter(panel: Panel, universe: pl.DataFrame, features: Features, filters: Filters) -> Texts:
    """Why each symbol of the panel is dropped, the first reason that applies; empty for the eligible."""
    universe = universe.head(len(panel))
    close, traded = features["close"], features["dollar_volume_20"]
    reasons: dict[str, Bools] = {
        "index": np.array([symbol == panel.index.name for symbol in panel.symbols]),
        "delisted": (panel.newest < panel.as_of) & universe["delisted"].to_numpy(),
        "stale": panel.newest < panel.as_of,
        "type": ~universe["type"].is_in(filters.types).to_numpy(),
        "sector": ~universe["sector"].is_in(filters.sectors).to_numpy()
        if filters.sectors
        else np.zeros(len(panel), dtype=bool),
        "short_history": (universe["bars"] < filters.min_bars).to_numpy(),
        "price": ~((close >= filters.min_price) & (close <= filters.max_price)),
        "illiquid": ~(traded >= filters.min_dollar_volume),
    }
    return np.select(list(reasons.values()), list(reasons), default="")


def _ratios(inputs: Market) -> dict[str, Floats]:
    """The ratios of each symbol of the panel; all NaN in a market without statements."""
    table = inputs.fundamentals
    if table is None:
        return dict.fromkeys(RATIOS, np.full(len(inputs.panel), np.nan))
    return {name: table[name].to_numpy() for name in RATIOS}


def _unknown_notes(
    inputs: Market, request: Request, unknown: Sequence[str], shares: Mapping[str, float]
) -> tuple[str, ...]:
    """What a reader should know of weights and columns that say nothing of anybody."""
    bare = inputs.fundamentals is None
    asked = [name for name in request.shown if bare and name in RATIOS]
    notes = []
    if unknown:
        why = ", which holds no company statements" if bare and {"value", "quality", "growth"} & {*unknown} else ""
        rest = "the score is made of the profile's other factors"
        notes.append(
            f"{', '.join(unknown).replace('_', ' ')}: unknown for every symbol of this market{why}; "
            f"{rest if shares.keys() - unknown else 'there is nothing to rank by'}"
        )
    if asked:
        notes.append(
            f"{', '.join(asked)}: unknown for every symbol of this market, which holds no company statements"
        )
    return tuple(notes)


def _sides(profile: Profile, score: Floats) -> Bools:
    """True for a long. A profile for both sides is long from the middle of the score upwards."""
    if profile.side == "both":
        return score >= 50.0
    return np.full(score.shape, profile.side == "long")


def _assemble(
    inputs: Market,
    request: Request,
    features: Features,
    ratios: Mapping[str, Floats],
    factors: Mapping[str, Floats],
    score: Score,
    long: Bools,
    trades: TradePlan,
    dropped: Texts,
) -> tuple[pl.DataFrame, Coverage]:
    """One frame of all symbols, screened and ranked, and the coverage counted from it."""
    panel = inputs.panel
    zero = np.zeros(len(panel))
    # The factors that every scan has, then the models.
    named = tuple(dict.fromkeys((*(factor.name for factor in FACTORS), *factors)))
    columns: dict[str, Any] = {
        "side": np.where(long, "long", "short"),
        "close": features["close"],
        "score": score.total,
        "conviction": np.abs(score.total - 50.0),
        **{f"score_{name}": score.parts.get(name, np.where(dropped == "", zero, np.nan)) for name in named},
        "unknown_factors": _names_where(score.unknown, len(panel)),
        **{name: factors[name] for name in named},
        "entry": trades.entry,
        "stop": trades.stop,
        "target": trades.target,
        "shares": trades.shares,
        "dollars": trades.dollars,
        "risk": trades.risk,
        "limit": trades.limit,
        **{name: ratios[name] if name in RATIOS else features[name] for name in request.shown},
        "dropped": dropped,
    }
    listed = inputs.universe.head(len(panel)).select("symbol", *LISTING, *BARS)
    frame = (
        pl.concat([listed, pl.DataFrame(columns)], how="horizontal")
        .with_columns(pl.col(pl.Float64).fill_nan(None))
        .with_columns(pl.col("shares").cast(pl.Int64))
    )
    if request.screen is not None:
        eligible = frame["dropped"] == ""
        matches = np.ones(len(frame), dtype=bool)
        matches[eligible.to_numpy()] = request.screen.matches(frame.filter(eligible)).to_numpy()
        frame = frame.with_columns(
            dropped=pl.when(pl.lit(pl.Series(matches))).then("dropped").otherwise(pl.lit("screen"))
        )
    missing = inputs.universe.slice(len(panel))
    if len(missing):
        absent = missing.select("symbol", *LISTING, *BARS, dropped=pl.col("absent"))
        frame = pl.concat([frame, absent], how="diagonal")
    return _rank(frame, request.ranking), _coverage(frame)


def _rank(frame: pl.DataFrame, ranking: Ranking) -> pl.DataFrame:
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


def _codes(column: pl.Series) -> Ints:
    return column.fill_null("").rank("dense").to_numpy().astype(np.int64) - 1


def _provenance(
    inputs: Market, request: Request, forecasts: Sequence[Forecast], shares: Mapping[str, float], scale: float
) -> dict[str, Any]:
    models = [{"name": one.model.card.name, "digest": one.model.card.digest, "gate": one.weight} for one in forecasts]
    return {
        "tapescan": __version__,
        "data": dict(inputs.provenance),
        "market_index": inputs.panel.index.name,
        **({"models": models} if models else {}),
        "profile": {"name": request.profile.name, "digest": request.profile.digest},
        "weights": {name: round(share, 12) for name, share in shares.items()},
        "risk_scale": scale,
        "screen": request.screen.text if request.screen else None,
        "rank_by": f"{request.ranking.column} {'asc' if request.ranking.ascending else 'desc'}",
    }


class _Clock:
    """Seconds spent in each stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def time(self, stage: str, work: Callable[[], T]) -> T:
        begin = time.perf_counter()
        done = work()
        self.seconds[stage] = time.perf_counter() - begin
        return done
