"""How much of a session's volume has usually been traded by a minute of it."""

from __future__ import annotations

import numpy as np

from tapescan.live.hours import BEGIN, END

__all__ = ["usual_share"]

#: Minutes since the opening, and the share of the session's volume by then: the mean over 89 large US companies on
#: five sessions of November 2025, opening and closing auctions inside. Between them it rises evenly.
_MINUTES = (0, 1, 2, 5, 10, 15, 30, 45, 60, 90, 120, 150, 180, 210, 240, 270, 300, 330, 345, 360, 375, 385, 388, 390)
_SHARES = (
    *(0.0, 0.036, 0.041, 0.053, 0.070, 0.086, 0.131, 0.177, 0.214, 0.281, 0.346, 0.401, 0.452, 0.501, 0.549),
    *(0.598, 0.652, 0.711, 0.745, 0.785, 0.835, 0.893, 0.930, 1.0),
)


def usual_share(minute: int, end: int = END) -> float:
    """The share of the volume of 09:30 to the end that has usually been traded when a minute of the day begins, from
    just above 0 to 1. A session that closes early is taken for one that is shorter and of the same shape."""
    passed = (minute - BEGIN) / (end - BEGIN) * (END - BEGIN)
    return float(np.clip(np.interp(passed, _MINUTES, _SHARES), _SHARES[1], 1.0))
