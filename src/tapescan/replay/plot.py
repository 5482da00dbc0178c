"""How often a condition was met on each session, and what came after: the plot of a screen, drawn while it is typed.

It is no replay: nobody is ranked, listings are those of today, and prices are in the shares of today. What a replay
costs minutes takes the kernels a moment here, since whole histories are compared at once.

    panel -> features of all rows, block by block -> where the condition holds -> counts and returns by session
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple, NoReturn

import msgspec
import numpy as np
import polars as pl

from tapescan.columns.registry import find_column, sources_of, with_needs
from tapescan.core.errors import OptionError, ScreenError
from tapescan.core.results import Result
from tapescan.core.typing import Array, Bools, Days, Floats, Ints
from tapescan.engine.threads import Threads
from tapescan.features.compute import replay
from tapescan.features.plan import plan_features
from tapescan.features.warm import warm_up
from tapescan.history.market import Market
from tapescan.market import eligibility
from tapescan.market.index import MarketIndex
from tapescan.market.panel import Block, Panel
from tapescan.market.universe import TYPES
from tapescan.scan.profile import Filters
from tapescan.screen.checking import Expression, Scope, check
from tapescan.screen.earlier import looks, terms_of
from tapescan.screen.functions import FUNCTIONS
from tapescan.screen.nodes import Call, Earlier, parts
from tapescan.screen.session import evaluate
from tapescan.screen.values import TRUE, finite

__all__ = ["ScreenPlot", "plot_screen"]

#: Features that say who may take part.
_ALWAYS = ("close", eligibility.TRADED, eligibility.WITHOUT_TRADE)
#: What a panel calls what plots keep with it, and of how many filters and horizons.
_KEPT, _MOST = "plots", 2


class ScreenPlot(Result, msgspec.Struct, frozen=True, eq=False):
    """A condition through time.

    sessions : session, eligible, matches, and of the matches whose return is known: forward, their mean return from
    the next open to the close some sessions later, less costs; market, that of all eligible; known, how many they
    are. horizon : in bars of each. cost : basis points of each purchase and sale. notes : what it leaves out.
    """

    where: str
    horizon: int
    cost: float
    sessions: pl.DataFrame
    notes: tuple[str, ...]


def plot_screen(
    market: Market, where: str, filters: Filters, *, horizon: int = 5, cost: float = 10.0, sessions: int = 0
) -> ScreenPlot:
    """Count a condition's matches on each session of a market.

    where : of columns of bars and of earlier bars. filters : a profile's; its types, price, liquidity and bars count.
    sessions : the newest so many; 0 for all.
    Raises ScreenError for a condition that looks across the market, at longer bars, or at what is no bar.
    """
    if not 1 <= horizon <= 252:
        raise OptionError(f"{horizon}", "give 1 to 252 bars", field="horizon")
    expression = _checked(where)
    basis = _basis_of(market, filters, horizon)
    names = _plan(expression)
    warm_up(plan_features(names), replayed=True)
    work = partial(_matched, expression=expression, names=names, sessions=len(basis.days))
    found = Threads().map(work, [*zip(market.panel.blocks, basis.blocks, strict=True)])
    matched = _Counts(*(np.sum(some, axis=0) for some in zip(*found, strict=True)))
    with np.errstate(invalid="ignore"):
        spent = 2.0 * cost / 1e4
        forward, every = matched.gained / matched.known - spent, basis.counts.gained / basis.counts.known
    frame = pl.DataFrame(
        {
            "session": pl.Series(basis.days).cast(pl.Date),
            "eligible": basis.counts.many,
            "matches": matched.many,
            "known": matched.known,
            "forward": forward,
            "market": every,
        }
    ).with_columns(pl.col("forward", "market").fill_nan(None))
    notes = (
        "who is eligible hangs on the profile's types (as they are listed now), price, liquidity and bars alone",
        f"returns are those from the next open to the close {horizon} bars of the symbol later, less {cost:g} basis "
        "points each way; `tapescan replay` asks the same with all that was known on each day",
    )
    return ScreenPlot(where, horizon, cost, frame.tail(sessions or len(frame)), notes)


class _Counts(NamedTuple):
    """Of some rows, by session, ``(sessions,)``: how many, of how many the return is known, and the sum of these."""

    many: Ints
    known: Ints
    gained: Floats


class _Of(NamedTuple):
    """A block, whatever is asked of it, ``(rows, lanes)``: the place of each row's session, who is eligible, and the
    return that follows, NaN where it is unknown."""

    at: Ints
    eligible: Bools
    forward: Floats


class _Basis(NamedTuple):
    """A market, for plots of one set of filters and one horizon. counts : of all eligible."""

    days: Days
    blocks: tuple[_Of, ...]
    counts: _Counts


def _basis_of(market: Market, filters: Filters, horizon: int) -> _Basis:
    """Kept with the panel: what a person types next is of the same market."""
    panel = market.panel
    kept = panel.kept.setdefault(_KEPT, {})
    assert isinstance(kept, dict)
    bounds = (filters.min_price, filters.max_price, filters.min_dollar_volume, filters.min_bars, filters.types)
    key = (*bounds, horizon)
    if key not in kept:
        days = _sessions(panel)
        universe = market.universe["type"].head(len(panel)).fill_null("unknown")
        of_type = universe.is_in(list(filters.types or TYPES)).to_numpy()
        warm_up(plan_features(_ALWAYS), replayed=True)
        work = partial(_eligible, filters=filters, days=days, horizon=horizon)
        blocks = Threads().map(work, [(block, of_type[_lanes(block)]) for block in panel.blocks])
        every = [_counted(one, one.eligible, len(days)) for one in blocks]
        for old in [*kept][: max(len(kept) + 1 - _MOST, 0)]:
            del kept[old]
        kept[key] = _Basis(days, tuple(blocks), _Counts(*(np.sum(some, axis=0) for some in zip(*every, strict=True))))
    found: _Basis = kept[key]
    return found


class _Rows:
    """All rows of a block as expressions see a session: each row of each lane is one of its symbols."""

    def __init__(self, known: Mapping[str, Floats], size: int, terms: Mapping[Earlier, Array]) -> None:
        self._terms, self.size = terms, size
        self._values: dict[str, Any] = {name: values.ravel() for name, values in known.items()}

    @property
    def ranked(self) -> NoReturn:
        raise TypeError("a plot looks across no market")

    def groups(self, name: str) -> NoReturn:
        raise TypeError(f"a plot looks at no groups of {name}")

    def column(self, name: str) -> Any:
        if name not in self._values:
            column = find_column(name)
            assert column.value is not None
            with np.errstate(all="ignore"):
                made = column.value({need: self.column(need) for need in column.needs})
            self._values[name] = finite(np.asarray(made, np.float64))
        return self._values[name]

    def term(self, term: Earlier) -> Array:
        found: Array = self._terms[term].ravel()
        return found


def _checked(where: str) -> Expression:
    expression = check(where, Scope(find_column, _no_list), "where", "condition")
    hint = "`tapescan replay` takes it"
    for node in parts(expression.node):
        declared = FUNCTIONS.get(node.function) if isinstance(node, Call) else None
        if declared is not None and declared.across is not None:
            raise ScreenError(f"{declared.name} looks across the market, and a plot cannot", hint, field="where")
        if isinstance(node, Earlier) and node.frame:
            raise ScreenError(f"{node.frame}. bars are in no plot", hint, field="where")
    for name in expression.columns:
        if sources_of(name) != {"bars"}:
            raise ScreenError(f"{name} is not made of bars alone, and a plot takes no other", hint, field="where")
    return expression


def _no_list(name: str) -> NoReturn:
    raise ScreenError(f"the list {name} is as it is today, and a plot is of the past", "leave it out", field="where")


def _plan(expression: Expression) -> tuple[str, ...]:
    """The features of all that is needed."""
    named = [*expression.columns, *(name for look in looks(expression.terms) for name in look.columns)]
    needed = [name for name, column in with_needs(named).items() if column.value is None]
    return tuple(needed)


def _sessions(panel: Panel) -> Days:
    """Those on which any symbol has a bar, ascending."""
    own = [np.unique(block.session[np.arange(block.rows)[:, None] >= block.first]) for block in panel.blocks]
    found: Days = np.unique(np.concatenate(own))
    return found


def _eligible(piece: tuple[Block, Bools], *, filters: Filters, days: Days, horizon: int) -> _Of:
    block, of_type = piece
    known = _features(block, _ALWAYS)
    rows = np.arange(block.rows)[:, None]
    eligible = (rows >= block.first) & of_type & ~eligibility.short_history(rows - block.first + 1, filters.min_bars)
    eligible &= ~eligibility.untraded(known[eligibility.WITHOUT_TRADE])
    eligible &= ~eligibility.off_price(known["close"], filters.min_price, filters.max_price)
    eligible &= ~eligibility.illiquid(known[eligibility.TRADED], filters.min_dollar_volume)
    forward = np.full(block.close.shape, np.nan)
    with np.errstate(all="ignore"):  # rows before a lane's first one are 0
        forward[:-horizon] = block.close[horizon:] / block.open[1 : block.rows - horizon + 1] - 1.0
    forward[~np.isfinite(forward)] = np.nan
    return _Of(np.searchsorted(days, block.session), eligible, forward)


def _matched(piece: tuple[Block, _Of], *, expression: Expression, names: tuple[str, ...], sessions: int) -> _Counts:
    block, of = piece
    known = {name: finite(values) for name, values in _features(block, names).items()}
    terms: dict[Earlier, Array] = {}
    for look in looks(expression.terms):
        terms |= terms_of(look, known, block.rows)
    found = evaluate(expression.node, "condition", _Rows(known, block.close.size, terms)) == TRUE
    return _counted(of, found.reshape(of.eligible.shape) & of.eligible, sessions)


def _features(block: Block, names: tuple[str, ...]) -> dict[str, Floats]:
    """Of all rows, by name, ``(rows, lanes)``."""
    if not names:
        return {}
    plan = plan_features(names)
    panel = Panel((), (block,), np.zeros(0, np.int64), np.zeros(0, np.int32), _NO_INDEX, 0)
    ((_, values),) = replay(panel, plan)
    return {name: values[at] for at, name in enumerate(plan.names)}


def _counted(of: _Of, mask: Bools, sessions: int) -> _Counts:
    """mask : some of a block's rows."""
    at, forward = of.at[mask], of.forward[mask]
    some = ~np.isnan(forward)
    known = at[some]
    return _Counts(
        np.bincount(at, minlength=sessions).astype(np.int64),
        np.bincount(known, minlength=sessions).astype(np.int64),
        np.bincount(known, forward[some], sessions).astype(np.float64),
    )


#: What is measured against the market is in the blocks.
_NO_INDEX = MarketIndex("", np.empty(0, np.int32), np.empty(0))


def _lanes(block: Block) -> slice:
    return slice(block.offset, block.offset + block.lanes)
