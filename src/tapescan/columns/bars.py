"""Columns of a symbol's own bars: each output of each indicator, with any parameters within their bounds."""

from __future__ import annotations

from tapescan.columns.definition import Column, Source
from tapescan.features.plan import find_feature, known_features
from tapescan.indicators.definition import Indicator, Number, spell

__all__ = ["SOURCE"]


def _resolved(name: str) -> Column | None:
    found = find_feature(name)
    return None if found is None else _column(name, *found)


def _column(name: str, indicator: Indicator, values: tuple[Number, ...], output: int) -> Column:
    bound = f" ({', '.join(spell(value) for value in values)})" if values else ""
    one = indicator.outputs[output]
    part = f": {one.suffix.replace('_', ' ')}" if one.suffix else ""
    return Column(
        name=name,
        title=f"{indicator.title}{bound}{part}",
        unit=one.unit,
        group=indicator.group,
        meaning=indicator.formula,
        low=one.low,
        high=one.high,
        always=name == "close",
    )


SOURCE = Source(
    name="bars",
    title="Indicators of a symbol's own bars",
    order=20,
    columns=tuple(column for column in map(_resolved, known_features()) if column is not None),
    resolve=_resolved,
    families="Any parameter values within an indicator's bounds: `sma_37`, `macd_8_21_5_signal`, `sar_0p01_0p1`.",
)
