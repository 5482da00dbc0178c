"""Columns of the cone: where the close of some sessions later will lie, and how likely a plan's levels are touched.

What they are made of beside the columns named here (a trained cone, or the volatility rule that serves without one)
is known to the scan, which makes them (`scan.ranges`).
"""

from __future__ import annotations

from tapescan.columns.definition import Column, Source

__all__ = ["HORIZONS", "RULED_BY", "SOURCE", "TERMS", "range_columns"]

#: Sessions ahead of which a cone speaks.
HORIZONS = (1, 5, 10, 21)

#: The feature that the volatility rule goes by, and all that a cone takes: volatilities, each a ratio a year, and the
#: average true range, percent, which one large day does not raise for a month.
RULED_BY = "realised_volatility_21"
TERMS = (
    "realised_volatility_5",
    RULED_BY,
    "realised_volatility_63",
    "realised_volatility_252",
    "yang_zhang_21",
    "natr_14",
)

_OF_PLAN = ("close", "entry", "stop", "target", *TERMS)
_NO_DIRECTION = (
    "within the profile's hold, of a path that starts at the entry, has the cone's volatility and no direction"
)


def range_columns(horizon: int) -> tuple[str, str]:
    """The columns of a horizon's two ends."""
    return f"range_{horizon}_low", f"range_{horizon}_high"


def _ends(horizon: int) -> tuple[Column, ...]:
    low, high = range_columns(horizon)
    when = "of the next session" if horizon == 1 else f"{horizon} sessions later"
    needs = ("close", *TERMS)
    return (
        Column(
            low, f"low end of the range, {horizon} sessions", "price", "range",
            f"the close {when} lies below it one time in ten", low=0.0, needs=needs,
            by_source=True,
        ),
        Column(
            high, f"high end of the range, {horizon} sessions", "price", "range",
            f"the close {when} lies above it one time in ten", low=0.0, needs=needs,
            by_source=True,
        ),
        Column(
            f"range_{horizon}_width", f"width of the range, {horizon} sessions", "ratio", "range",
            f"({high} - {low}) / close", low=0.0, needs=("close", low, high),
            value=lambda of: (of[high] - of[low]) / of["close"],
        ),
    )  # fmt: skip


SOURCE = Source(
    name="ranges",
    title="Where prices will lie",
    order=55,
    columns=(
        *(column for horizon in HORIZONS for column in _ends(horizon)),
        Column(
            "prob_stop", "chance of the stop", "ratio", "range",
            f"that the stop is touched before the target, {_NO_DIRECTION}", low=0.0, high=1.0, needs=_OF_PLAN,
            by_source=True,
        ),
        Column(
            "prob_target", "chance of the target", "ratio", "range",
            f"that the target is touched before the stop, {_NO_DIRECTION}", low=0.0, high=1.0, needs=_OF_PLAN,
            by_source=True,
        ),
    ),
)  # fmt: skip
