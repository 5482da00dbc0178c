"""What the OpenBB Workspace asks of a backend: which widgets there are, and how they lie on a page.

Its `widgets.json` is an object of widgets by name, its `apps.json` a list of pages. A widget's parameters go into the
query, so an address with a symbol in its path is no widget's; where rows lie deeper in an answer, `dataKey` says it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["apps", "widgets"]

#: Columns of the list, as far as a market has them.
_SHOWN = ("rank", "symbol", "name", "sector", "score", "close", "side", "entry", "stop", "target")
_BARS = ("open", "high", "low", "close", "volume")
_BESIDE = ("sma_50", "rsi_14")
_BREADTH = ("eligible", "above_50", "above_200", "net_highs_252", "mcclellan")
_TEXTS = frozenset({"symbol", "name", "sector", "side"})


def widgets(
    base: str, *, symbol: str, columns: Iterable[str], profiles: Sequence[str], profile: str
) -> dict[str, dict[str, Any]]:
    """The widgets by name.

    base : what stands before each address, as ``api/v1/``. symbol : whose bars are shown at first. columns : that a
    list has. profile : the default one of `profiles`.
    """
    shown = [name for name in _SHOWN if name in set(columns)]
    choice = _param(
        "profile", profile, "Profile", "whose ranking", options=[{"label": one, "value": one} for one in profiles]
    )
    day = _param("as_of", None, "As of", "the last session whose knowledge counts; the newest when empty", "date")
    found: tuple[dict[str, Any], ...] = (
        {
            "name": "Stock scan",
            "description": "The ranked list of the whole market that a condition over any column leaves, with score "
            "and planned trade.",
            "endpoint": "scan",
            "gridData": {"w": 40, "h": 15},
            "data": {"dataKey": "rows", "table": {"showAll": True, "columnsDefs": [_column(name) for name in shown]}},
            "params": [
                choice,
                _param("where", "", "Condition", 'over any column, as "rsi_14 < 30 AND close > sma_200"'),
                _param("rank_by", "", "Order", 'a column or an expression, as "rsi_14 asc"; the score when empty'),
                _param("columns", ",".join(shown), "Columns", "of the list, commas between"),
                _param("top", 50, "Rows", "at most", "number"),
                day,
            ],
        },
        {
            "name": "Bars of a stock",
            "description": "Daily bars of one symbol with any column of bars beside them, as scans have them.",
            "endpoint": "bars",
            "gridData": {"w": 20, "h": 14},
            "data": {"dataKey": "rows", "table": _chart(("session", *_BARS, *_BESIDE), ("close", "sma_50"))},
            "params": [
                _param("symbol", symbol, "Symbol", "as AAPL or BRK.B"),
                _param("columns", ",".join(_BESIDE), "Columns", "of bars, commas between"),
                _param("sessions", 250, "Bars", "the newest so many", "number"),
                day,
            ],
        },
        {
            "name": "Market breadth",
            "description": "How many of the eligible stocks stand above their averages and make new highs, session "
            "by session.",
            "endpoint": "breadth",
            "gridData": {"w": 20, "h": 14},
            "data": {"dataKey": "sessions", "table": _chart(("session", *_BREADTH), ("above_50", "above_200"))},
            "params": [choice],
        },
        {
            "name": "Status of the data",
            "description": "The newest session, how many sessions the data is behind, who is ranked, and defects.",
            "endpoint": "status",
            "type": "metric",
            "gridData": {"w": 40, "h": 5},
            "params": [],
        },
    )
    common = {"category": "Equity", "subCategory": "Screener", "type": "table", "source": ["tapescan"]}
    return {_name(base, one["endpoint"]): {**common, **one, "endpoint": base + one["endpoint"]} for one in found}


def apps(base: str, found: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One page of all widgets. found : as of `widgets`."""
    places = {"status": (0, 0), "scan": (0, 5), "bars": (0, 20), "breadth": (20, 20)}
    layout = []
    for name, (x, y) in places.items():
        widget = found[_name(base, name)]
        state = {"params": {one["paramName"]: one["value"] for one in widget["params"] if one["value"] is not None}}
        layout.append({"i": _name(base, name), "x": x, "y": y, **widget["gridData"], "state": state})
    return [
        {
            "name": "tapescan",
            "description": "The whole market ranked, with breadth and the bars of what is chosen.",
            "img": "",
            "img_dark": "",
            "img_light": "",
            "allowCustomization": True,
            "tabs": {"": {"id": "", "name": "", "layout": layout}},
            "groups": [
                {
                    "name": "Group 1",
                    "type": "param",
                    "paramName": "symbol",
                    "widgetIds": [_name(base, "scan"), _name(base, "bars")],
                    "defaultValue": _value(found[_name(base, "bars")], "symbol"),
                }
            ],
            "prompts": [],
        }
    ]


def _name(base: str, endpoint: str) -> str:
    """A widget's name is its address with other signs."""
    return (base + endpoint).replace("/", "_")


def _value(widget: Mapping[str, Any], name: str) -> Any:
    return next(one["value"] for one in widget["params"] if one["paramName"] == name)


def _param(name: str, value: Any, label: str, description: str, kind: str = "text", **more: Any) -> dict[str, Any]:
    return {
        "paramName": name,
        "value": value,
        "label": label,
        "type": kind,
        "description": description,
        "show": True,
        **more,
    }


def _chart(names: Sequence[str], lines: Sequence[str]) -> dict[str, Any]:
    """A table of sessions that is shown as lines."""
    view = {"enabled": True, "chartType": "line", "cellRangeCols": {"line": ["session", *lines]}}
    return {
        "enableCharts": True,
        "showAll": True,
        "chartView": view,
        "columnsDefs": [_column(name) for name in names],
    }


def _column(name: str) -> dict[str, Any]:
    found: dict[str, Any] = {"field": name, "headerName": name.replace("_", " ")}
    if name == "session":
        return {**found, "cellDataType": "dateString", "chartDataType": "category", "pinned": "left"}
    if name not in _TEXTS:
        return {**found, "cellDataType": "number", "chartDataType": "series"}
    found |= {"cellDataType": "text", "chartDataType": "excluded"}
    if name == "symbol":  # a click shows its bars
        chosen = {"actionType": "groupBy", "groupBy": {"paramName": "symbol"}}
        found |= {"pinned": "left", "renderFn": "cellOnClick", "renderFnParams": chosen}
    return found
