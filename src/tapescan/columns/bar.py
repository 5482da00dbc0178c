"""Columns of the shape of a single bar."""

from __future__ import annotations

from tapescan.columns.definition import Column, Source

__all__ = ["SOURCE"]

SOURCE = Source(
    name="bar",
    title="The shape of the newest bar",
    order=25,
    columns=(
        Column(
            name="range",
            title="range of the bar",
            unit="price",
            group="bar",
            meaning="high less low; 0 for a share that did not move, whose RSI is 0 as well and says nothing",
            low=0.0,
            needs=("high", "low"),
            value=lambda of: of["high"] - of["low"],
        ),
        Column(
            name="close_in_range",
            title="place of the close in the bar",
            unit="ratio",
            group="bar",
            meaning="(close - low) / (high - low): 1 at the high, 0 at the low; unknown where the bar has no range",
            needs=("high", "low", "close"),
            value=lambda of: (of["close"] - of["low"]) / (of["high"] - of["low"]),
        ),
    ),
)
