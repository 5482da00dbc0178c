"""What a model is called. Its identity is its learner's kind and its horizon; every name of it is made here.

xgboost_5                      the model
xgboost_5.json                 its card
cone.json                      the card of the cone, of all horizons
tft.quantiles.json             the card of a network's ranges, of all horizons
cone.ranges.json               the record of the cone and of who stands beside it
xgboost_5.record.json          its record
xgboost_5-1f0c9a2b77e1.ubj     what it learnt, named by content; the ending is the learner's
alpha_xgboost_5                the column of its forecasts
"""

from __future__ import annotations

import re

__all__ = [
    "CONE_FILE",
    "RANGES",
    "RECORDS",
    "card_file",
    "column_of",
    "is_card_file",
    "learnt_file",
    "model_name",
    "quantiles_file",
    "ranges_file",
    "record_file",
]

#: Of the files of a folder, those that hold a record.
RECORDS = "*_*.record.json"

#: ... and one of ranges.
RANGES = "*.ranges.json"

#: The cone's card; no card of a model is called so.
CONE_FILE = "cone.json"

_CARD = re.compile(r"[a-z]\w*_\d+\.json", re.ASCII)


def model_name(kind: str, horizon: int) -> str:
    return f"{kind}_{horizon}"


def column_of(name: str) -> str:
    return f"alpha_{name}"


def card_file(name: str) -> str:
    return f"{name}.json"


def is_card_file(file: str) -> bool:
    """Whether a file's name is that of a card."""
    return _CARD.fullmatch(file) is not None


def record_file(name: str) -> str:
    return f"{name}.record.json"


def ranges_file(name: str) -> str:
    return f"{name}.ranges.json"


def quantiles_file(kind: str) -> str:
    return f"{kind}.quantiles.json"


def learnt_file(name: str, digest: str, ending: str) -> str:
    return f"{name}-{digest[:12]}{ending}"
