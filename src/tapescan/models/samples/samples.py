"""What a model is trained and judged on: one row a symbol and session, its features and its forward returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapescan.core.typing import Ints, Shorts, Singles

__all__ = ["Samples", "Universe"]


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples of many symbols and sessions, sorted by session and then by symbol.

    Arrays may be memory maps of files: read them in slices.

    features : the columns of `values`, in order.
    values : float32 ``(rows, features)``, each feature at the close of the row's session; NaN where unknown.
    session : int32 ``(rows,)``, days since 1970-01-01, ascending.
    symbol : int32 ``(rows,)``, each row's place in `symbols`.
    symbols : sorted; also those without a row.
    forward : horizon in sessions -> float32 ``(rows,)``, the return from the next session's open to the open that
        many sessions later (0.01 is one percent); NaN where it cannot be known (see `labels.forward_returns`). Of
        samples for ranges from the session's close to that many closes later (`labels.closing_returns`).
    dollar_volume : float32 ``(rows,)``, mean dollars a session over the 20 sessions up to the row's.
    industries : int32 ``(symbols,)``, a number an industry of the listing, which has no history: today's; 0 for none
        known. None for none at all. Numbers tell industries apart and mean nothing else.
    provenance : where the rows come from and how they were chosen, as plain JSON values.
    closing : as `forward`, the returns from close to close, in samples that have both; else empty.
    """

    features: tuple[str, ...]
    values: Singles
    session: NDArray[np.int32]
    symbol: NDArray[np.int32]
    symbols: tuple[str, ...]
    forward: Mapping[int, Singles]
    dollar_volume: Singles
    provenance: Mapping[str, Any] = field(default_factory=dict)
    industries: Shorts | None = None
    closing: Mapping[int, Singles] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.session)

    def industry(self, rows: Ints | slice = slice(None)) -> Shorts | None:
        """The industry of some rows, ``(rows,)``; None where nothing is known."""
        return None if self.industries is None else self.industries[self.symbol[rows]]

    def __repr__(self) -> str:
        """Short: millions of numbers help nobody."""
        return (
            f"<{len(self):,} samples of {len(self.features)} features, horizons {', '.join(map(str, self.forward))}>"
        )


@dataclass(frozen=True)
class Universe:
    """Who is sampled, judged anew on each session; nobody else gets a forecast.

    min_price : dollars, of the session's close. min_bars : of the symbol, with the session's own; from 253 on 12-1
        momentum is known, one of the baselines.
    min_dollar_volume : mean dollars a session over the 20 sessions up to it.
    types : of securities, as in `market.universe.TYPES`.
    """

    min_price: float = 3.0
    min_dollar_volume: float = 5e6
    min_bars: int = 253
    types: tuple[str, ...] = ("common", "adr", "unknown")
