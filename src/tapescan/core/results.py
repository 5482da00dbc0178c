"""What use cases return: structs, each with a plain form."""

from __future__ import annotations

import math
from typing import Any

import msgspec

__all__ = ["Result", "encoded", "plain"]


class Result:
    """What every result has beside its fields, which are public. A result is a msgspec struct that inherits this."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """As plain values, as JSON, REST and other programs get them: dates as text, frames as rows, NaN as None."""
        found: dict[str, Any] = plain(self)
        return found


def plain(value: Any) -> Any:
    """Numbers, texts and containers as JSON has them: NaN and infinities become None, frames lists of rows."""
    return _finite(msgspec.to_builtins(value, enc_hook=_plainer, str_keys=True))


def encoded(value: Any) -> bytes:
    """The JSON of `plain`."""
    return msgspec.json.encode(value, enc_hook=_plainer)


def _plainer(value: Any) -> Any:
    """What msgspec does not know: NumPy's numbers and arrays, polars' frames and series."""
    if hasattr(value, "to_dicts"):
        return value.to_dicts()
    for name in ("tolist", "to_list"):
        if hasattr(value, name):
            return getattr(value, name)()
    raise TypeError(f"a result cannot hold {type(value).__name__}")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
