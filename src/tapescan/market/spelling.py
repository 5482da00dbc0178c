"""The spelling of symbols: one for all vendors.

Vendors write one share in many ways: ``BRK-B``, ``BRK.B`` and ``BRK/B``; ``KIM_L``, ``KIM^L``, ``KIM$L``,
``KIM-PL``, ``KIM.PRL`` and ``KIMpL``; ``RAC-WS``, ``RAC.WT`` and ``RAC.W``. Ours is the dot before a share class,
WS (warrants), U (units) and R (rights), and ``^`` before a preferred's series: BRK.B, KIM^L, RAC.WS.
"""

from __future__ import annotations

import polars as pl

__all__ = ["normal_spelling", "spelling_key"]


def normal_spelling(symbol: pl.Series) -> pl.Series:
    """Our spelling of each symbol; what has no such marks stays as it is, letter case included."""
    key = spelling_key(symbol)
    return key.str.replace_all("-", ".", literal=True)


def spelling_key(symbol: pl.Series) -> pl.Series:
    """One spelling for all vendors': ``-`` before a class, WS, U or R, and ``^`` before a preferred's series."""
    symbol = symbol.cast(pl.String).str.strip_chars()
    odd = symbol.filter(symbol.str.contains("[^A-Z]")).unique()
    spelled = (
        odd.str.replace(r"^([A-Z]+)p([A-Z]*)$", "$1^$2")
        .str.replace(r"^([A-Z]+)[-./ ]PR?[-. ]?([A-Z]?)$", "$1^$2")
        .str.replace_all(r"[_$]", "^")
        .str.replace_all(r"[./ +]", "-")
        .str.replace(r"-(?:WT|WTS|W)$", "-WS")
        .str.replace(r"-UN$|=$", "-U")
        .str.replace(r"-RT$", "-R")
    )
    return symbol.replace(odd, spelled)
