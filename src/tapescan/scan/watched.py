"""Conditions that somebody else watches on a scan's result: checked before any data is read, their columns added to
the scan's request, and their truth read of each result.

The result itself shows none of it: who is ranked, in which order and with which columns stays the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from tapescan.columns.factors import FACTORS, points_column, value_column
from tapescan.columns.registry import find_column, with_needs
from tapescan.core.labels import Labels
from tapescan.core.typing import Bools, Conditions, Ints
from tapescan.features.plan import plan_features
from tapescan.models.forecast import Models
from tapescan.scan.assembled import Gradual, Late, Shown
from tapescan.scan.cross_section import ColumnValues, CrossSection
from tapescan.scan.factors import factor_columns
from tapescan.scan.forecasts import usable
from tapescan.scan.named import NamedScreen
from tapescan.scan.request import Request, ScanColumns
from tapescan.scan.result import ScanResult
from tapescan.scan.screening import SectionSession
from tapescan.screen.checking import Expression, check
from tapescan.screen.earlier import looks
from tapescan.screen.session import evaluate
from tapescan.screen.values import FALSE, UNKNOWN

__all__ = ["Conditional", "RankedSession", "watching"]

#: Why a symbol that may be ranked is not: it is none of the screen's.
_SCREENED = ("", "screen")


class Conditional:
    """What conditions may name: every column that a scan with these models knows when all are ranked."""

    def __init__(self, models: Models | None = None) -> None:
        self._columns = ScanColumns(usable(models or Models(())))

    def condition(self, text: str, field: str) -> Expression:
        """A condition. Raises ScreenError, with the field and the place in the text."""
        return check(text, self._columns.scope(field, {}), field, "condition")

    def screen(self, named: NamedScreen) -> Expression:
        """The condition of a named screen, as a scan checks it."""
        computed: dict[str, Expression] = {}
        self._columns.features(named.columns, computed)
        return check(named.where, self._columns.scope("where", computed, "trade"), "screen", "condition")

    def column(self, name: str, field: str) -> str:
        """The name of a column. Raises OptionError for one that is none, or not known in time."""
        return self._columns.find(field, "", name).name


def watching(request: Request, expressions: Iterable[Expression], columns: Sequence[str] = ()) -> Request:
    """The request with all that these expressions and columns need besides."""
    expressions = tuple(expressions)
    names = tuple(dict.fromkeys((*columns, *(name for one in expressions for name in one.columns))))
    needed = with_needs(names)
    asked = (one.name for one in FACTORS if value_column(one.name) in needed or points_column(one.name) in needed)
    factors = tuple(dict.fromkeys((*request.factors, *asked)))
    bars = [one.name for one in with_needs((*factor_columns(factors), *names)).values() if one.source == "bars"]
    terms = [term for look in request.looks for term in look.terms]
    terms += [term for one in expressions for term in one.terms]
    return replace(
        request,
        plan=plan_features((*request.plan.names, *bars)),
        looks=looks(terms),
        factors=factors,
        watched=names,
    )


class RankedSession:
    """A result as watched conditions see it; its request is one of `watching`.

    symbols : of the panel, in the order of all arrays ``(symbols,)``. eligible : who may be ranked, whatever the
    scan's own screens and conditions. traded : who has a bar of the result's session. hold : sessions that its plans
    are held.
    """

    def __init__(self, result: ScanResult, hold: int | None = None) -> None:
        section: CrossSection = result.section
        self.symbols, self._section, self._assembled = section.symbols, section, result.assembled
        self._hold = hold
        size = len(self.symbols)
        dropped = result.assembled.columns["dropped"]
        assert isinstance(dropped, Labels)
        self.eligible: Bools = dropped.among(_SCREENED)[:size]
        day = np.datetime64(result.as_of, "D").astype(np.int64)
        self.traded: Bools = section.newest == day
        if section.complete is not None:
            self.eligible = self.eligible & section.complete

    @cached_property
    def order(self) -> Ints:
        """The place of each symbol in the result's order, from 0: the ranked first, the others by symbol."""
        places = np.empty(len(self._assembled.order), dtype=np.int64)
        places[self._assembled.order] = np.arange(len(places))
        return places[: len(self.symbols)]

    @cached_property
    def places(self) -> dict[str, int]:
        """Where each symbol stands."""
        return {symbol: at for at, symbol in enumerate(self.symbols)}

    def truth(self, expression: Expression) -> Conditions:
        """A condition of each symbol; UNKNOWN of who has not traded in the session."""
        found = evaluate(expression.node, expression.kind, self._session)
        return np.where(self.traded, found, UNKNOWN).astype(np.int8)

    def screened(self, condition: Expression) -> Conditions:
        """Likewise of a screen: who may not be ranked satisfies none."""
        return np.where(self.eligible | ~self.traded, self.truth(condition), FALSE).astype(np.int8)

    def value(self, name: str, at: int) -> Any:
        """A column of the symbol at a place: a number, a text, a day; None for unknown."""
        values = self._values[name]
        one = values[at]
        if isinstance(one, np.generic):
            one = one.item()
        return None if isinstance(one, float) and not np.isfinite(one) else one

    @cached_property
    def _values(self) -> ColumnValues:
        size = len(self.symbols)
        more: dict[str, Any] = {}
        for name, values in self._assembled.columns.items():
            if (
                name == "dropped"
                or isinstance(values, Late | Gradual | Shown)
                or find_column(name).source == "listing"
            ):
                continue  # the cross-section has them
            if isinstance(values, Labels):
                more[name] = Labels(values.texts, values.codes[:size])
            else:
                more[name] = values[:size].to_numpy() if isinstance(values, pl.Series) else values[:size]
        return self._section.values(more, self._hold)

    @cached_property
    def _session(self) -> SectionSession:
        return SectionSession(self._section, self.eligible, self._values)
