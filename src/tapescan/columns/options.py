"""Columns of what a session's option chains say of their underlyings, and of its place among the sessions before."""

from __future__ import annotations

from tapescan.columns.definition import Column, Source
from tapescan.market.option_measures import LEAST_SESSIONS, MEASURES, WINDOW

__all__ = ["SOURCE"]

_UNKNOWN = f"unknown before {LEAST_SESSIONS} sessions with iv_30 among the last {WINDOW}"

SOURCE = Source(
    name="options",
    title="What options say",
    order=37,
    columns=(
        *(
            Column(one.name, one.title, one.unit, "options", one.meaning, one.low, one.high)
            for one in MEASURES
        ),
        Column(
            "option_volume_ratio_20", "options' volume to its usual", "ratio", "options",
            "option_volume / its mean over the 20 sessions before, of which ten at least are known", low=0.0,
        ),
        Column(
            "iv_rank_252", "rank of implied volatility", "percent", "options",
            f"place of iv_30 between its lowest and highest of the last {WINDOW} sessions, this one among them; "
            + _UNKNOWN,
            low=0.0, high=100.0,
        ),
        Column(
            "iv_percentile_252", "percentile of implied volatility", "percent", "options",
            f"share of the last {WINDOW} sessions whose iv_30 was below this one's; {_UNKNOWN}", low=0.0, high=100.0,
        ),
        Column(
            "iv_sessions_252", "sessions with a volatility", "sessions", "options",
            f"how many of the last {WINDOW} sessions have an iv_30", low=0.0, high=float(WINDOW),
        ),
        Column(
            "vrp_20", "premium of implied volatility", "ratio", "options",
            "iv_30 - realised_volatility_20", needs=("iv_30", "realised_volatility_20"),
            value=lambda of: of["iv_30"] - of["realised_volatility_20"],
        ),
        Column(
            "vrp_yz_20", "premium over Yang-Zhang volatility", "ratio", "options", "iv_30 - yang_zhang_20",
            needs=("iv_30", "yang_zhang_20"), value=lambda of: of["iv_30"] - of["yang_zhang_20"],
        ),
        Column(
            "iv_hv_ratio", "implied to realised volatility", "ratio", "options", "iv_30 / realised_volatility_20",
            low=0.0, needs=("iv_30", "realised_volatility_20"),
            value=lambda of: of["iv_30"] / of["realised_volatility_20"],
        ),
    ),
)  # fmt: skip
