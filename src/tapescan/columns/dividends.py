"""Columns of what a share has paid, as far as dividends are known (`tapescan sync --what actions`)."""

from __future__ import annotations

from tapescan.columns.definition import Column, Source

__all__ = ["SOURCE"]

SOURCE = Source(
    name="dividends",
    title="What a share has paid",
    order=35,
    columns=(
        Column(
            name="dividend_12m",
            title="dividends of 12 months",
            unit="price",
            group="dividends",
            meaning="dividends with an ex-date in the last 365 days, a share of the day; unknown where none is known",
            low=0.0,
        ),
        Column(
            name="dividend_growth_years",
            title="years of growing dividends",
            unit="1",
            group="dividends",
            meaning="how many years of 365 days in a row, counted back from the day, had a higher mean payment than "
            "the year before; up to 25",
            low=0.0,
        ),
        Column(
            name="dividend_yield",
            title="dividends of 12 months to the price",
            unit="ratio",
            group="dividends",
            meaning="dividend_12m / close",
            low=0.0,
            needs=("dividend_12m", "close"),
            value=lambda of: of["dividend_12m"] / of["close"],
        ),
    ),
)
