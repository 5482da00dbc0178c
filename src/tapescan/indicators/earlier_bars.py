"""What an earlier bar was, in ratios: the past of a symbol, bar by bar."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from tapescan.indicators.definition import Output, Parameter, indicator
from tapescan.indicators.sums import totals

#: Bars before a bar that its volume is compared with.
USUAL = 20


@indicator(
    title="Earlier bar",
    group="price",
    inputs=("open", "high", "low", "close", "volume"),
    parameters=(Parameter("ago", 1, 0, 1000),),
    defaults=(),
    outputs=(
        Output("change", "ratio", -1),
        Output("gap", "ratio", -1),
        Output("range", "ratio", 0),
        Output("volume", "ratio", 0),
    ),
    lookback=lambda ago: ago + USUAL,
    formula="of the bar that many bars ago (0 is the newest): change: close / close before - 1; gap: open / close "
    "before - 1; range: (high - low) / close before; volume: volume / mean volume of the 20 bars before it, "
    "undefined if nothing was traded in those",
    reference="ret_1, gap and relative_volume_20 of that bar",
    note="what the network sees of the past",
)
def bar_ago(open, high, low, close, volume, first, start, change, gap, reach, traded, ago):  # noqa: A002 (inputs)
    rows, lanes = close.shape
    since = max(start, ago + 1)
    for t in range(start, min(since, rows)):
        for j in range(lanes):
            change[t - start, j] = np.nan
            gap[t - start, j] = np.nan
            reach[t - start, j] = np.nan
            traded[t - start, j] = np.nan
    if since < rows:
        totals(volume[: rows - 1 - ago], USUAL, traded[since - start :])
    for t in range(since, rows):
        then = t - ago
        for j in range(lanes):
            known = t - first[j] >= ago + USUAL
            before, total = close[then - 1, j], traded[t - start, j]
            change[t - start, j] = (close[then, j] - before) / before if known else np.nan
            gap[t - start, j] = open[then, j] / before - 1.0 if known else np.nan
            reach[t - start, j] = (high[then, j] - low[then, j]) / before if known else np.nan
            traded[t - start, j] = volume[then, j] / (total / USUAL) if known and total > 0.0 else np.nan
