"""Columns of trained models: what each forecasts, and its points in the score.

Which of them a scan has is a matter of the models that are there; their names follow one rule.
"""

from __future__ import annotations

import re

from tapescan.columns.definition import Column, Source

__all__ = ["SOURCE"]

#: ``alpha_<kind>_<sessions>``; models of an older store name no kind.
_NAME = re.compile(r"(score_)?alpha_(?:([a-z][a-z0-9_]*)_)?([1-9][0-9]*)")


#: What a forecast is, and what it is of some kinds.
_RANK = "expected rank of the return over the next {} sessions among the market, about -0.5 to 0.5; 0 is the middle"
_OTHERWISE = {"tft": "median of the log return over the next {} sessions"}


def _resolved(name: str) -> Column | None:
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    points, kind, sessions = found.groups()
    model = f"the {kind.replace('_', ' ')} model" if kind else "a trained model"
    if points:
        return Column(
            name,
            f"points of {model} over {sessions} sessions",
            "points",
            "forecasts",
            "what the forecast adds to the score",
            low=0.0,
            high=100.0,
            always=True,
        )
    return Column(
        name,
        f"forecast of {model} over {sessions} sessions",
        "1",
        "forecasts",
        _OTHERWISE.get(kind or "", _RANK).format(sessions),
        always=True,
    )


SOURCE = Source(
    name="forecasts",
    title="Forecasts of trained models",
    order=60,
    columns=(),
    resolve=_resolved,
    families=(
        "`alpha_<kind>_<sessions>` is a model's forecast and `score_alpha_<kind>_<sessions>` its points in the "
        "score, for each model that a scan may use: `alpha_xgboost_5`."
    ),
)
