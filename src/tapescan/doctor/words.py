"""The words of a diagnosis: how cases of the findings are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

__all__ = ["count_of", "disagreement", "jump", "noun", "ratio_of", "rows_of", "sessions_of", "some_of", "worst"]


def worst(frame: pl.DataFrame, top: int) -> dict[str, Any]:
    return {"count": len(frame), "worst": rows_of(frame.head(top))}


def rows_of(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return frame.with_columns(pl.col(pl.Date).cast(pl.String)).to_dicts()


def count_of(frame: pl.DataFrame) -> str:
    return f"{len(frame):,}" if len(frame) else "none"


def some_of(frame: pl.DataFrame, top: int, told: Callable[[dict[str, Any]], str]) -> list[str]:
    lines = [f"  {told(row)}" for row in frame.head(top).iter_rows(named=True)]
    return [*lines, f"  and {len(frame) - top:,} more"] if len(frame) > top else lines


def sessions_of(number: int) -> str:
    return f"{number:,} session{'' if number == 1 else 's'}"


def noun(name: str, count: int) -> str:
    """A finding's name, which is plural, for one case."""
    if count != 1:
        return name
    if name.startswith("kinds of"):
        return name.replace("kinds", "kind", 1)
    if name.startswith("underlyings with"):
        return name.replace("underlyings", "underlying", 1)
    return name.replace("splits", "split") if name.startswith("splits") else name.removesuffix("s")


def ratio_of(ratio: float) -> str:
    """New shares for old ones, as boards say it."""
    return f"{ratio:.4g} for 1" if ratio >= 1.0 else f"1 for {1.0 / ratio:.4g}"


def jump(row: dict[str, Any]) -> str:
    recorded = f", recorded on {row['recorded']} as {ratio_of(row['recorded_ratio'])}" if row["recorded"] else ""
    return (
        f"{row['symbol']} {row['session']}: {row['close_before']:.4g} to {row['open']:.4g} at the open,"
        f" {row['close']:.4g} at the close, as {ratio_of(row['ratio'])}{recorded}"
    )


def disagreement(row: dict[str, Any]) -> str:
    digits = ",.0f" if row["field"] == "volume" else ".6g"
    return (
        f"{row['symbol']} {row['session']}: {row['field']} {row['value']:{digits}} and {row['other_value']:{digits}},"
        f" {100.0 * row['apart']:.1f} % apart"
    )
