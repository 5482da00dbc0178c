"""Features as a GPU computes them, in numba's simulator of one: for a process of its own with NUMBA_ENABLE_CUDASIM=1.

python -m tests.features.simulated features NAME ...   # beside the processor's; all for no name
python -m tests.features.simulated replay STORE DEVICE # a small replay of a store, as JSON
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path

import numpy as np
import polars as pl

from tapescan.features import compute, device
from tapescan.features.plan import known_features, plan_features
from tapescan.market.panel import build_panel
from tests.conftest import random_bars

__all__ = ["HOW", "bars"]

#: What a replay is asked for: a look at earlier bars, one at weeks, and what is measured against the index.
HOW = {
    "start": "2025-10-28",
    "models": False,
    "top": 3,
    "where": "sma_20 > sma_20[1] and weekly.rsi_2 > 20 and beta_63 < 5",
}


def bars(symbols: int, sessions: int) -> pl.DataFrame:
    """Some listed late; of every third one a bar in thirty is missing; one ends early."""
    found = random_bars(symbols=symbols, sessions=sessions, seed=5)
    days = found["session"].unique().sort()
    symbol, number = pl.col("symbol"), pl.col("session").rank("dense").cast(pl.Int64)
    holes = symbol.is_in([f"S{at:03d}" for at in range(0, symbols, 3)]) & (number * 7 % 30 == 0)
    return found.filter(~holes, ~((symbol == "S002") & (pl.col("session") > days[-40])))


def features(names: list[str]) -> dict[str, object]:
    """By feature the greatest relative difference, and whether the same values are missing."""
    plan = plan_features(names or known_features())
    panel = build_panel(bars(4, 90) if names else bars(6, 300), lanes=3)
    found: dict[str, tuple[float, bool]] = {}
    for (_, ours), (_, theirs) in zip(compute.replay(panel, plan), device.replay(panel, plan), strict=True):
        for name, one, other in zip(plan.names, ours, theirs, strict=True):
            before, same = found.get(name, (0.0, True))
            missing = np.array_equal(np.isnan(one), np.isnan(other))
            known = np.isfinite(one) & (one != other)
            apart = float(
                (np.abs(one[known] - other[known]) / np.maximum(np.abs(one[known]), 1e-12)).max(initial=0.0)
            )
            found[name] = max(before, apart), same and missing
    newest = _newest(names[:4])
    return {"features": found, "newest": newest}


def _newest(names: list[str]) -> float:
    """As `features`, of the newest three rows as looks at earlier bars take them."""
    plan = plan_features(names or ["sma_20", "rsi_14"])
    panel = build_panel(bars(4, 90), lanes=3)
    apart = 0.0
    for cuts in compute.cuts_of(panel, plan):
        ours, theirs = compute.newest_rows(plan, cuts, 3), device.newest_rows(plan, cuts, 3)
        for name, values in ours.items():
            assert np.array_equal(np.isnan(values), np.isnan(theirs[name])), name
            apart = max(apart, float(np.nanmax(np.abs(values / theirs[name] - 1.0), initial=0.0)))
    return apart


def replay(store: str, on: str) -> dict[str, object]:
    import tapescan

    found = tapescan.replay_market(Path(store), device=on, **HOW)  # type: ignore[arg-type]
    picks = found.picks.with_columns(pl.col(pl.Date).cast(pl.String)).to_dicts()
    return {"said": json.loads(found.to_json()), "notes": found.notes, "picks": picks}


if __name__ == "__main__":
    assert os.environ["NUMBA_ENABLE_CUDASIM"] == "1"
    warnings.simplefilter("ignore")  # the interpreter's, of divisions by zero
    np.seterr(all="ignore")
    what, *words = sys.argv[1:]
    sys.stdout.write(json.dumps(features(words) if what == "features" else replay(*words)))
