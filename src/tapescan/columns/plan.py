"""Columns of a symbol's place in the scan and of its trade plan."""

from __future__ import annotations

from tapescan.columns.definition import Column, Kind, Source

__all__ = ["SOURCE"]


def _column(
    name: str,
    title: str,
    unit: str,
    meaning: str,
    *,
    group: str = "plan",
    kind: Kind = "Float64",
    low: float | None = None,
    high: float | None = None,
    late: bool = False,
) -> Column:
    return Column(name, title, unit, group, meaning, low, high, kind, always=True, late=late)


SOURCE = Source(
    name="plan",
    title="Place in the scan, and the trade plan",
    order=50,
    columns=(
        _column(
            "rank", "rank", "1", "place among the ranked, from 1 on", group="rank", kind="UInt32", low=1.0, late=True
        ),
        _column(
            "score", "score", "points", "weighted sum of the factors' percentiles; 50 is the middle of the market",
            group="rank", low=0.0, high=100.0,
        ),
        _column("side", "side of the trade", "", "long or short, by the profile", group="rank", kind="String"),
        _column(
            "conviction", "distance from the middle", "points", "how far the score lies from 50",
            group="rank", low=0.0, high=50.0,
        ),
        _column(
            "unknown_factors", "factors without a value", "",
            "those with a weight that are unknown here, and count with the middle percentile",
            group="rank", kind="String",
        ),
        _column("entry", "entry price", "price", "the newest close", low=0.0),
        _column(
            "stop", "stop price", "price", "where the trade is given up, rounded to the tick away from the entry",
            low=0.0,
        ),
        _column(
            "target", "target price", "price", "where the gain is taken, rounded to the tick towards the entry",
            low=0.0,
        ),
        _column(
            "shares", "size in shares", "shares",
            "whole shares at which the stop costs the risk a trade, within the profile's caps", kind="Int64", low=0.0,
        ),
        _column("dollars", "size in dollars", "dollars", "shares times entry", low=0.0),
        _column("risk", "dollars at risk", "dollars", "what is lost at the stop", low=0.0),
        _column(
            "limit", "what limits the size", "",
            "risk, position or volume; cost where costs would take too much of the risk, so that there is no plan",
            kind="String",
        ),
        _column(
            "account_shares", "size in one account", "shares",
            "whole shares that one account still has room for when it takes the rows in their order",
            kind="Int64", low=0.0, late=True,
        ),
        _column(
            "account_limit", "what limits it there", "",
            "heat, gross, sector, beta or alike, where the account has less room than the plan's shares",
            kind="String", late=True,
        ),
        _column(
            "dropped", "why it is not ranked", "", "the reason in one word; empty for those that are ranked",
            group="rank", kind="String", late=True,
        ),
    ),
)  # fmt: skip
