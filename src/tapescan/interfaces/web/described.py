"""What OpenAPI says of answers that are not plain JSON."""

from __future__ import annotations

from typing import Any

from tapescan.interfaces.web.forms import FORMS

__all__ = ["EVENTS", "PROBLEMS", "TABLE"]

_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "one line: what, where, and what to do"},
        "hint": {"type": "string"},
        "field": {"type": "string", "description": "the parameter that it is about"},
    },
}


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/problem+json": {"schema": _PROBLEM}}}


#: Of every path.
PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: _problem("the request cannot be read"),
    401: _problem("no token"),
    403: _problem("from a page of another site"),
    404: _problem("what the address names is not there"),
    406: _problem("no such form"),
    408: _problem("the body came too slowly"),
    413: _problem("the body is too large"),
    414: _problem("the query is too long"),
    421: _problem("the server is not called that"),
    422: _problem("something asked for cannot be used"),
    429: _problem("as many jobs run as may"),
    500: _problem("tapescan failed"),
    502: _problem("a vendor gave no answer"),
    503: _problem("the store cannot be read now, or too many ask"),
}

#: A table, in the form that is asked for.
TABLE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the rows; JSON has what is known of them beside",
        "content": {
            kind: {"schema": {"type": "object"} if name == "json" else {"type": "string", "format": "binary"}}
            for name, kind in FORMS.items()
        },
    },
    304: {"description": "as before"},
}

#: Events as they come.
EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"description": "server-sent events", "content": {"text/event-stream": {"schema": {"type": "string"}}}}
}
