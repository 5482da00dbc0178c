"""Columns of what a session's option chains say of their underlyings, and of its place among the sessions before."""

from __future__ import annotations

from tapescan.columns.definition import Column, Source
from tapescan.market.option_measures import LEAST_SESSIONS, MEASURES, WINDOW

__all__ = ["EXPRESSED", "EXPRESSED_OF", "SOURCE"]

#: Columns that say whether premium may be sold.
EXPRESSED_OF = ("vrp_20", "iv_percentile_252")

#: Of the best way to trade a row's plan by options, where a scan is asked to express its plans, or for one of them.
EXPRESSED = (
    Column(
        "expression", "the plan by options", "", "options",
        "the position with options that needs the lowest win rate: its strategy, expiry and strikes, those that are "
        "sold behind a minus",
        kind="String", late=True,
    ),
    Column(
        "expression_size", "its contracts", "1", "options",
        "positions at which the stop costs the risk a trade, and the worst no more than a position may take",
        low=0.0, kind="Int64", late=True,
    ),
    Column(
        "expression_cost", "what it costs", "dollars", "options",
        "paid for all of them, received below 0", late=True,
    ),
    Column(
        "expression_loss", "its loss at the stop", "dollars", "options",
        "of all of them, on average over when that is, after costs", late=True,
    ),
    Column(
        "expression_gain", "its gain at the target", "dollars", "options",
        "of all of them, on average over when that is, after costs", late=True,
    ),
    Column(
        "expression_worst", "the most it can lose", "dollars", "options",
        "of all of them, at expiry; unknown where there is no end", low=0.0, late=True,
    ),
    Column(
        "expression_win_rate", "the win rate it needs", "ratio", "options",
        "share of those that reach target or stop that must reach the target for nothing to be lost, the others "
        "coming as often, and at the prices, priced in",
        low=0.0, high=1.0, late=True,
    ),
    Column(
        "stock_win_rate", "the win rate the stock needs", "ratio", "options",
        "as expression_win_rate, of the plan's own shares", low=0.0, high=1.0, late=True,
    ),
    Column(
        "expression_flags", "what to know of it", "", "options",
        "ex_date, assignment, earnings, adjusted, interest_unknown, as `tapescan options` tells them",
        kind="String", late=True,
    ),
)  # fmt: skip

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
        *EXPRESSED,
    ),
)  # fmt: skip
