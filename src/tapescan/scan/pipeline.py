"""One scan, from a market to a ranked result, in two halves that read like the picture of the data's way:

    observe: features -> regime -> cross-section        rank: filters -> factors -> models -> score -> plan -> result

Everything here is a whole-market array operation; nothing loops over symbols, touches disk or looks at a clock
except for its own stage timings.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from tapescan.columns.factors import FACTORS
from tapescan.columns.registry import sources_of, with_needs
from tapescan.core.errors import OptionError, ScreenError
from tapescan.core.labels import Labels
from tapescan.core.typing import Bools, Floats, Ints
from tapescan.engine.seam import Engine
from tapescan.history.market import Market
from tapescan.market.option_measures import DEALERS, LEAST_SESSIONS
from tapescan.scan.assembled import Assembled
from tapescan.scan.clock import Clock
from tapescan.scan.cross_section import CrossSection, observe
from tapescan.scan.factors import factor_values
from tapescan.scan.forecasts import Basis, Forecast, forecast_market, model_notes
from tapescan.scan.frame import Ranks, assemble, scored_columns, whole
from tapescan.scan.network_ranges import network_ranges, says
from tapescan.scan.remembered import remembered
from tapescan.scan.request import Request, prepare
from tapescan.scan.result import ScanResult
from tapescan.scan.score import Score, score_symbols, weight_shares
from tapescan.scan.screening import SectionSession, satisfied
from tapescan.scan.tradeplan import TradePlan, plan_trades
from tapescan.screen.lists import lists_digest
from tapescan.screen.nodes import MINUTE_FRAMES
from tapescan.version import __version__

__all__ = ["Request", "observe", "prepare", "rank", "run"]

#: What columns of these sources are made of.
_HELD = {
    "statements": "company statements",
    "dividends": "dividends",
    "options": "option data",
    "live": "session that still runs",
}
#: Sources without which a condition, or an order, on their columns is refused, and where they come from.
_REFUSED = {
    "options": "`tapescan import` of the session's option quotes brings some",
    "live": "`tapescan live` follows one",
}


def run(market: Market, request: Request, engine: Engine | None = None) -> ScanResult:
    """Scan the market: observe its newest session, and rank what was seen. engine : see `observe`."""
    return rank(observe(market, request.plan, request.looks, engine, request.wanted), request, market.kept)


def rank(section: CrossSection, request: Request, kept: MutableMapping[object, Any] | None = None) -> ScanResult:
    """Rank a cross-section. kept : what was made of its market before, and what it is kept in (`Market.kept`).

    Raises OptionError when it lacks features that the request needs, ScreenError
    when conditions or the order hang on options, or on a running session, of which nothing is known."""
    absent = sorted({*request.plan.names}.difference(section.features.names))
    absent += ["some earlier bars"] * any(term not in section.terms for look in request.looks for term in look.terms)
    if absent:
        some = ", ".join(absent[:3])
        raise OptionError(
            f"the cross-section of {section.as_of} lacks {some}", "observe it with the request's plan and looks"
        )
    _refuse_unknown(section, request)
    if request.ranges and request.models.cone is not None:
        serving = request.models.cone.serving(section.as_of, section.index, section.adjust)
        section = replace(section, cone=serving)
    if request.ranges and request.models.ranges:
        basis = Basis(section.as_of, section.index, section.adjust)
        section = replace(section, network=network_ranges(request.models, basis))
    profile, features, regime, clock = request.profile, section.features, section.regime, Clock(section.timings)
    dropped = clock.time("filters", lambda: _excluded(section, request, kept))
    eligible = dropped.codes == 0
    if section.complete is not None and (eligible & ~section.complete).any():
        what = f"the cross-section of {section.as_of} lacks features of symbols that these filters let pass"
        raise OptionError(what, "observe it for everybody")
    # In the order of the symbols, so that sums over the market do not depend on how the panel lies.
    members = section.order[eligible[section.order]]
    # Many screens of one market are ranked among the same members: who is ranked in the end comes later.
    among = members.tobytes()

    def valued() -> dict[str, Floats]:
        return factor_values(section, members, request.factors)

    factors = clock.time("factors", lambda: dict(remembered(kept, "factors", (request.factors, among), valued)))
    forecasts: tuple[Forecast, ...] = ()
    if request.models.models:
        basis = Basis(section.as_of, section.index, section.adjust)
        forecasts = clock.time(
            "models", lambda: forecast_market(request.models, features, members, section.listing, basis)
        )
        factors |= {one.name: one.values for one in forecasts}
    gates = {one.name: one.weight for one in forecasts}
    shares = weight_shares(profile, regime, gates)
    unknown = [name for name in shares if members.size and np.isnan(factors[name]).all()]
    # What is unknown of everybody ranks nobody: its weight goes to the other factors.
    shares = weight_shares(profile, regime, gates, without=unknown)
    own = None if forecasts else kept
    weights = (request.factors, among, tuple(shares.items()))

    def scored() -> Score:
        return score_symbols(factors, shares, eligible)

    score = clock.time("score", lambda: remembered(own, "score", weights, scored))
    columns = clock.time(
        "result", lambda: remembered(own, "scored", weights, lambda: scored_columns(section, factors, score))
    )
    matched: dict[str, Bools] = {}
    if request.screens:
        matched = clock.time("screens", lambda: _matched(section, request, columns, eligible))
    long = _sides(request, score.total, matched)
    now = {regime.trend, regime.volatility}
    scale = min((risk for label, risk in profile.regime.risk.items() if label in now), default=1.0)
    terms = (among, long.tobytes(), msgspec.json.encode(profile.risk), scale)

    def planned() -> TradePlan:
        return plan_trades(features, long, eligible, profile.risk, scale)

    trades = clock.time("plan", lambda: remembered(kept, "trades", terms, planned))
    traded = remembered(kept, "shares", terms, lambda: whole("shares", trades.shares))
    ranks = Ranks(columns, long, trades, traded, dropped, matched, remembered(kept, "moves", (), dict))
    assembled, coverage = clock.time("result", lambda: assemble(section, request, ranks))
    return ScanResult(
        as_of=section.as_of,
        assembled=assembled,
        coverage=coverage,
        regime=regime,
        timings=clock.seconds,
        provenance=_provenance(section, request, forecasts, shares, scale),
        notes=(
            *section.notes,
            *_unknown_notes(section, request, unknown, shares),
            *_option_notes(section, request),
            *((f"ranges are {says(section.network)}{section.cone.says}",) if request.ranges else ()),
            *model_notes(request.models, forecasts),
            *_screen_notes(request, matched),
            *_held_notes(section, request, assembled),
            *_unlisted_notes(section, assembled.order[: coverage.ranked]),
        ),
        section=section,
        features=request.named,
        forecasts=forecasts,
    )


def _refuse_unknown(section: CrossSection, request: Request) -> None:
    """Raises ScreenError for a condition, or an order, on options in a market that has none, or on a session that
    still runs where none does."""
    conditions = (request.filter, request.where, *(one.condition for one in request.screens))
    for source, hint in _REFUSED.items():
        if source in section.facts:
            continue
        for field, some in (("where", conditions), ("rank_by", (request.ranking.expression,))):
            names = dict.fromkeys(name for one in some if one is not None for name in one.columns)
            asked = [name for name in names if source in sources_of(name)]
            if asked:
                place = "store" if "store" in section.provenance else "market"
                what = f"no {_HELD[source]} in this {place}, of which {', '.join(asked)} would be made"
                raise ScreenError(what, hint, field=field)
            frames = [term.frame for one in some if one is not None for term in one.terms]
            if source == "live" and not MINUTE_FRAMES.keys().isdisjoint(frames):
                what = f"no {_HELD[source]} in this market, of whose minutes bars would be made"
                raise ScreenError(what, hint, field=field)


def _unknown_notes(
    section: CrossSection, request: Request, unknown: Sequence[str], shares: Mapping[str, float]
) -> tuple[str, ...]:
    """What a reader should know of weights and columns that say nothing of anybody."""
    notes = []
    if unknown:
        lacks = [
            _HELD[source]
            for source, takes in (("statements", "of_statements"), ("options", "of_options"))
            if source not in section.facts
            and any(getattr(factor, takes) and factor.name in unknown for factor in FACTORS)
        ]
        why = f", which holds no {' and no '.join(lacks)}" if lacks else ""
        rest = "the score is made of the profile's other factors"
        notes.append(
            f"{', '.join(unknown).replace('_', ' ')}: unknown for every symbol of this market{why}; "
            f"{rest if shares.keys() - unknown else 'there is nothing to rank by'}"
        )
    absent = {source: what for source, what in _HELD.items() if source not in section.facts}
    of = {name: sources_of(name) for name in request.asked} if absent else {}
    for source, what in absent.items():
        asked = [name for name, found in of.items() if source in found]
        if asked:
            notes.append(f"{', '.join(asked)}: unknown for every symbol of this market, which holds no {what}")
    frames = [look.frame for look in request.looks if look.of_minutes]
    if frames and "live" not in section.facts:
        some = ", ".join(frames)
        notes.append(f"{some} bars: unknown for every symbol of this market, which holds no {_HELD['live']}")
    return tuple(notes)


def _option_notes(section: CrossSection, request: Request) -> tuple[str, ...]:
    """What a reader should know of the columns of options that are asked for."""
    if "options" not in section.facts:
        return ()
    asked = {part for name in request.asked for part in with_needs([name])}
    notes = [f"gex {DEALERS}"] if "gex" in asked else []
    placed = [name for name in ("iv_rank_252", "iv_percentile_252") if name in asked]
    if not placed:
        return tuple(notes)
    longest = int(section.facts["options"]["iv_sessions_252"].fill_null(0.0).to_numpy().max(initial=0.0))
    if longest < LEAST_SESSIONS:
        what = f"{', '.join(placed)}: unknown for every symbol before {LEAST_SESSIONS} sessions with options"
        notes.append(f"{what}, of which there are {longest}")
    return tuple(notes)


def _unlisted_notes(section: CrossSection, ranked: Ints) -> tuple[str, ...]:
    """How many are ranked of which nobody knows whether they are shares at all."""
    number = int(section.listing.types.among(("unknown",))[ranked].sum())
    if not number:
        return ()
    what = "symbol is" if number == 1 else "symbols are"
    hint = "`tapescan sync --what universe`, or import a listing"
    return (f"{number:,} ranked {what} in no listing, and may be funds: {hint}",)


def _excluded(section: CrossSection, request: Request, kept: MutableMapping[object, Any] | None) -> Labels:
    """Why each symbol may not be ranked: the profile's filters, then its condition; of code 0 for the eligible."""
    filters = request.profile.filters
    # How far back bars are suspected hangs on what is asked for.
    given = (msgspec.json.encode(filters), tuple(section.suspects["symbol"].to_list()))
    dropped = remembered(kept, "excluded", given, lambda: section.excluded(filters))
    if request.filter is None:
        return dropped
    eligible = dropped.codes == 0
    return dropped.where(eligible & ~satisfied(request.filter, SectionSession(section, eligible)), "filter")


def _matched(
    section: CrossSection, request: Request, columns: Mapping[str, Any], eligible: Bools
) -> dict[str, Bools]:
    """Who of the eligible satisfies each named screen. columns : what is known when all are scored."""
    session = SectionSession(section, eligible, columns)
    return {one.named.name: eligible & satisfied(one.condition, session) for one in request.screens}


def _sides(request: Request, score: Floats, matched: Mapping[str, Bools]) -> Bools:
    """True for a long: by the first screen that names a side and is satisfied, else by the profile.

    A profile for both sides is long from the middle of the score upwards.
    """
    profile = request.profile
    long: Bools = score >= 50.0 if profile.side == "both" else np.full(score.shape, profile.side == "long")
    for screen in reversed(request.screens):
        if screen.named.side:
            long = np.where(matched[screen.named.name], screen.named.side == "long", long)
    return long


def _screen_notes(request: Request, matched: Mapping[str, Bools]) -> tuple[str, ...]:
    """How many satisfy each of several screens."""
    if len(request.screens) < 2:
        return ()
    counts = ", ".join(f"{name} {int(found.sum()):,}" for name, found in matched.items())
    return (f"satisfied: {counts}",)


def _held_notes(section: CrossSection, request: Request, assembled: Assembled) -> tuple[str, ...]:
    """Which of the held still rank well enough to stay, and which are to leave and why."""
    if not request.held:
        return ()
    keep, places = request.profile.portfolio.keep, section.listing.places
    rank = {place: number for number, place in enumerate(assembled.order[: assembled.ranked].tolist(), start=1)}
    dropped = assembled.columns["dropped"]
    assert isinstance(dropped, Labels)
    stay: list[str] = []
    leave: list[str] = []
    for symbol in request.held:
        place = places.get(symbol)
        if place is None:
            leave.append(f"{symbol} (not in this market)")
        elif place not in rank:
            leave.append(f"{symbol} ({dropped.texts[dropped.codes[place]].replace('_', ' ')})")
        else:
            (stay if rank[place] <= keep else leave).append(f"{symbol} (rank {rank[place]:,})")
    said = [f"stay, among the best {keep}: {', '.join(stay)}"] if stay else []
    said += [f"leave: {', '.join(leave)}"] if leave else []
    return (f"of what is held {'; '.join(said)}",)


def _provenance(
    section: CrossSection, request: Request, forecasts: Sequence[Forecast], shares: Mapping[str, float], scale: float
) -> dict[str, Any]:
    models = [{"name": one.model.card.name, "digest": one.model.card.digest, "gate": one.weight} for one in forecasts]
    screens = [{"name": one.named.name, "digest": one.named.digest} for one in request.screens]
    columns = {name: one.text.strip() for name, one in request.computed.items()}
    lists = {name: lists_digest(symbols) for name, symbols in request.lists.items()}
    return {
        "tapescan": __version__,
        "data": dict(section.provenance),
        "market_index": section.index,
        **({"models": models} if models else {}),
        **({"cone": section.cone.digest} if request.ranges else {}),
        "profile": {"name": request.profile.name, "digest": request.profile.digest},
        "weights": {name: round(share, 12) for name, share in shares.items()},
        "risk_scale": scale,
        "screen": request.where.text if request.where else None,
        **({"screens": screens} if screens else {}),
        **({"columns": columns} if columns else {}),
        **({"lists": lists} if lists else {}),
        "rank_by": request.ranking.text,
        **({"held": list(request.held)} if request.held else {}),
    }
