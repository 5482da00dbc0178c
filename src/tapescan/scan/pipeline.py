"""One scan, from a market to a ranked result, in two halves that read like the picture of the data's way:

    observe: features -> regime -> cross-section        rank: filters -> factors -> models -> score -> plan -> result

Everything here is a whole-market array operation; nothing loops over symbols, touches disk or looks at a clock
except for its own stage timings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tapescan.columns.factors import FACTORS
from tapescan.columns.registry import all_columns
from tapescan.core.errors import OptionError
from tapescan.core.typing import Bools, Floats
from tapescan.engine.seam import Engine
from tapescan.history.market import Market
from tapescan.scan.clock import Clock
from tapescan.scan.cross_section import CrossSection, observe
from tapescan.scan.factors import factor_values
from tapescan.scan.forecasts import Basis, Forecast, forecast_market, model_notes
from tapescan.scan.frame import assemble
from tapescan.scan.profile import Profile
from tapescan.scan.request import Request, prepare
from tapescan.scan.result import ScanResult
from tapescan.scan.score import score_symbols, weight_shares
from tapescan.scan.tradeplan import plan_trades
from tapescan.version import __version__

__all__ = ["Request", "observe", "prepare", "rank", "run"]


def run(market: Market, request: Request, engine: Engine | None = None) -> ScanResult:
    """Scan the market: observe its newest session, and rank what was seen. engine : see `observe`."""
    return rank(observe(market, request.plan, engine), request)


def rank(section: CrossSection, request: Request) -> ScanResult:
    """Rank a cross-section. Raises OptionError when it lacks features that the request needs."""
    absent = sorted({*request.plan.names}.difference(section.features.names))
    if absent:
        some = ", ".join(absent[:3])
        raise OptionError(f"the cross-section of {section.as_of} lacks {some}", "observe it with the request's plan")
    profile, features, regime, clock = request.profile, section.features, section.regime, Clock(section.timings)
    dropped = clock.time("filters", lambda: section.excluded(profile.filters))
    eligible = dropped == ""
    # In the order of the symbols, so that sums over the market do not depend on how the panel lies.
    members = section.order[eligible[section.order]]
    factors = clock.time("factors", lambda: factor_values(section, members))
    forecasts: tuple[Forecast, ...] = ()
    if request.models.models:
        basis = Basis(section.as_of, section.index, section.adjust)
        forecasts = clock.time(
            "models", lambda: forecast_market(request.models, features, members, section.listed, basis)
        )
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
    frame, coverage = clock.time("result", lambda: assemble(section, request, factors, score, long, trades, dropped))
    return ScanResult(
        as_of=section.as_of,
        frame=frame,
        coverage=coverage,
        regime=regime,
        timings=clock.seconds,
        provenance=_provenance(section, request, forecasts, shares, scale),
        notes=(
            *section.notes,
            *_unknown_notes(section, request, unknown, shares),
            *model_notes(request.models, forecasts),
        ),
        section=section,
        features=request.named,
        forecasts=forecasts,
    )


def _unknown_notes(
    section: CrossSection, request: Request, unknown: Sequence[str], shares: Mapping[str, float]
) -> tuple[str, ...]:
    """What a reader should know of weights and columns that say nothing of anybody."""
    bare = section.statements is None
    ratios = {column.name for column in all_columns("statements")}
    asked = [name for name in request.shown if bare and name in ratios]
    of_statements = {factor.name for factor in FACTORS if factor.of_statements}
    notes = []
    if unknown:
        why = ", which holds no company statements" if bare and of_statements & {*unknown} else ""
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


def _provenance(
    section: CrossSection, request: Request, forecasts: Sequence[Forecast], shares: Mapping[str, float], scale: float
) -> dict[str, Any]:
    models = [{"name": one.model.card.name, "digest": one.model.card.digest, "gate": one.weight} for one in forecasts]
    return {
        "tapescan": __version__,
        "data": dict(section.provenance),
        "market_index": section.index,
        **({"models": models} if models else {}),
        "profile": {"name": request.profile.name, "digest": request.profile.digest},
        "weights": {name: round(share, 12) for name, share in shares.items()},
        "risk_scale": scale,
        "screen": request.screen.text if request.screen else None,
        "rank_by": f"{request.ranking.column} {'asc' if request.ranking.ascending else 'desc'}",
    }
