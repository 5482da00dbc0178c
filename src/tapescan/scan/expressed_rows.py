"""The best expression of the plans of a scan's rows, of those alone that somebody asks for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import msgspec
import numpy as np
import polars as pl

from tapescan.columns.options import EXPRESSED, EXPRESSED_OF
from tapescan.core.labels import Labels
from tapescan.core.typing import Ints
from tapescan.scan.assembled import Gradual, Late, Shown
from tapescan.scan.expressed import best_of, stock_of
from tapescan.scan.expressing import ROWS, Quoted, express_rows
from tapescan.scan.profile import Risk
from tapescan.scan.result import ScanResult

__all__ = ["with_expressions"]

#: Those that a table shows.
SHOWN = (
    "expression",
    "expression_win_rate",
    "stock_win_rate",
    "expression_size",
    "expression_gain",
    "expression_loss",
)


def with_expressions(result: ScanResult, quoted: Quoted, risk: Risk) -> ScanResult:
    """The scan with the columns of EXPRESSED, computed when they are asked for, all rows asked for at once; null,
    with a note, where the session's quotes are not there.

    quoted : of the market that was scanned, as it was known then (`quoted_in`).
    """
    lacks = quoted.lacks(result.as_of)
    rows = _Rows(result, None if lacks else quoted, risk)
    size = len(result.assembled.order)
    made = {one.name: Shown(partial(rows.column, one.name), size) for one in EXPRESSED}
    assembled = replace(result.assembled, columns={**result.assembled.columns, **made})
    notes = (*result.notes, *([f"expression: {lacks}"] if lacks else []))
    named = {one.name for one in EXPRESSED}
    asked = () if named.intersection(result.features) else SHOWN
    features = (*result.features, *asked)
    return msgspec.structs.replace(result, assembled=assembled, notes=notes, features=features)


@dataclass(eq=False)
class _Rows:
    result: ScanResult
    quoted: Quoted | None
    risk: Risk
    told: dict[int, dict[str, Any]] = field(default_factory=dict)

    def column(self, name: str, at: Ints) -> pl.Series:
        """One column of these places."""
        kind = next(one.dtype for one in EXPRESSED if one.name == name)
        if self.quoted is None:
            return pl.Series(name, [None] * len(at), kind)
        missing = [place for place in at.tolist() if place not in self.told]
        if missing:
            self._tell(np.array(missing))
        return pl.Series(name, [self.told[place].get(name) for place in at.tolist()], kind)

    def _tell(self, places: Ints) -> None:
        self.told |= {place: {} for place in places.tolist()}
        ranked = {*self.result.assembled.order[: self.result.assembled.ranked].tolist()}
        own = np.array([place for place in places.tolist() if place in ranked], np.int64)
        if not len(own):
            return
        place_of = {self.result.section.symbols[place]: place for place in own.tolist()}
        assert self.quoted is not None
        quotes = self.quoted.read(list(place_of))
        made = express_rows(quotes, self._plans(own), self.risk, self.result.provenance["risk_scale"])
        stocks = stock_of(made)
        for symbol, one in best_of(made).items():
            self.told[place_of[symbol]] = {
                "expression": str(one),
                "expression_size": one.size,
                "expression_cost": one.cost * one.size,
                "expression_loss": -one.at_stop * one.size,
                "expression_gain": one.at_target * one.size,
                "expression_worst": None if one.max_loss is None else one.max_loss * one.size,
                "expression_win_rate": one.win_rate_undecided,
                "expression_flags": ", ".join(one.flags),
            }
        for symbol, rate in stocks.items():
            self.told[place_of[symbol]]["stock_win_rate"] = rate

    def _plans(self, places: Ints) -> pl.DataFrame:
        """These rows as `express_rows` takes them."""
        section, columns = self.result.section, self.result.assembled.columns
        index = pl.Series(places.astype(np.uint32))

        def plan(name: str) -> pl.Series:
            found = columns[name]
            values = found.values if isinstance(found, Late) else found
            assert not isinstance(values, Gradual | Shown)
            if isinstance(values, Labels):
                return pl.Series(name, values.values[places].tolist())
            return values[index] if isinstance(values, pl.Series) else pl.Series(name, values[places])

        made = {name: plan(name) for name in ("side", "stop", "target", "shares")}
        known = section.values() if "options" in section.facts else None
        for name in EXPRESSED_OF:
            nothing = pl.Series(name, [None] * len(places), pl.Float64)
            made[name] = nothing if known is None else pl.Series(name, known[name][places], nan_to_null=True)
        symbols = pl.Series("symbol", [section.symbols[place] for place in places.tolist()])
        return pl.DataFrame({"symbol": symbols, **made}).cast(ROWS)
