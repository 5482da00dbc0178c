"""How much of a company changes hands."""

from __future__ import annotations

from tapescan.columns.definition import Column, Source

__all__ = ["SOURCE"]

SOURCE = Source(
    name="turnover",
    title="How much of a company changes hands",
    order=60,
    columns=(
        Column(
            name="turnover_20",
            title="Share of the company traded in a session",
            unit="ratio",
            group="turnover",
            meaning="mean dollars traded a session over 20 sessions, over the market value of the statements",
            low=0.0,
            needs=("dollar_volume_20", "market_cap"),
            value=lambda of: of["dollar_volume_20"] / of["market_cap"],
        ),
    ),
)
