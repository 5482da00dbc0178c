"""Splits and dividends of all files of an import, put together under one set of rules.

Which file a row stands in means nothing: rows of several files meet the same rules as rows of one.

- Rows that say the same of a symbol and ex-date count once.
- Two different dividends of one day, a regular and a special one, add up.
- Two different splits of one day cannot both be, and nobody can know which is right: both are refused.
- A row that is bad by itself is refused and does not condemn the good one of its day.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import polars as pl

from tapescan.core.errors import FileError
from tapescan.importing.files import Input
from tapescan.market.quality import BAR_COLUMNS, CONFLICT, MISSING, NOT_FINITE, NOT_POSITIVE
from tapescan.store.report import ImportReport

__all__ = ["judge_actions", "merge_actions"]

#: Neither a split of a million for one nor a dividend of a million dollars a share has ever been.
OUT_OF_RANGE = "out of any range seen"

_VALUE = {"splits": "ratio", "dividends": "amount"}


def merge_actions(
    inputs: Sequence[Input], kind: Literal["splits", "dividends"], report: ImportReport
) -> tuple[pl.DataFrame | None, pl.DataFrame | None]:
    """One row a symbol and ex-date, sorted, and those refused as quarantine rows; None where there are none.

    Raises `FileError` for a path none of whose rows can be used.
    """
    value = _VALUE[kind]
    frames = []
    for number, given in enumerate(inputs):
        rows = given.frames.get(kind)
        if rows is not None:
            rows = _splits_only(rows, given.path, report)
            if rows.is_empty():
                raise FileError(f"{given.path}: none of its rows can be used", f"{kind} need {value} above zero")
            frames.append(rows.select("symbol", "ex_date", value, "source", given=pl.lit(number, dtype=pl.Int32)))
    if not frames:
        return None, None
    rows = _judged(pl.concat(frames), kind, value)
    _one_usable_row(inputs, rows, kind, value)
    return _parted(rows, kind, value, report)


def judge_actions(
    rows: pl.DataFrame, kind: Literal["splits", "dividends"], report: ImportReport
) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """As `merge_actions`, of one frame: symbol, ex_date, the value, source. That no row can be used is no error."""
    return _parted(
        _judged(rows.with_columns(given=pl.lit(0, pl.Int32)), kind, _VALUE[kind]), kind, _VALUE[kind], report
    )


def _parted(
    rows: pl.DataFrame, kind: Literal["splits", "dividends"], value: str, report: ImportReport
) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """The good rows, one a symbol and ex-date, and the refused ones as quarantine rows."""
    bad = rows.filter(pl.col("reason").is_not_null()).unique(
        ["symbol", "ex_date", "same", "source"], keep="first", maintain_order=True
    )
    for text, count in bad["reason"].value_counts(sort=True).iter_rows():
        report.refused[f"{kind}: {text}"] = count
    good = rows.filter(pl.col("reason").is_null()).unique(
        ["symbol", "ex_date", "same"], keep="first", maintain_order=True
    )
    day = good.group_by("symbol", "ex_date", maintain_order=True)
    together = day.agg(pl.col(value).sum(), pl.col("source").first()).sort("symbol", "ex_date")
    return together, _quarantined(bad, kind, value) if len(bad) else None


def _splits_only(rows: pl.DataFrame, path: str, report: ImportReport) -> pl.DataFrame:
    """Without the rows that a file itself calls something else."""
    if "kind" not in rows.columns:
        return rows
    other = pl.col("kind").str.to_lowercase().str.contains("split|forward|reverse").not_().fill_null(value=False)
    if skipped := rows.filter(other).height:
        report.notes.append(f"{path}: passed over {skipped:,} rows whose kind is not a split")
    return rows.filter(~other)


def _judged(rows: pl.DataFrame, kind: str, value: str) -> pl.DataFrame:
    """With ``reason``, null for a usable row, and ``same``, equal for values that say the same."""
    number = pl.col(value)
    rows = rows.with_columns(
        # Sources round a ratio their own way: within a thousandth they say the same.
        same=number.round_sig_figs(3) if kind == "splits" else number,
        reason=pl.coalesce(
            pl.when(pl.any_horizontal(pl.col("symbol", "ex_date", value).is_null())).then(pl.lit(MISSING)),
            pl.when(~number.is_finite()).then(pl.lit(NOT_FINITE)),
            pl.when(number <= 0.0).then(pl.lit(NOT_POSITIVE)),
            pl.when(~number.is_between(1e-6, 1e6)).then(pl.lit(OUT_OF_RANGE)),
        ),
    )
    if kind == "dividends":
        return rows
    usable = pl.col("reason").is_null()
    several = pl.col("same").filter(usable).n_unique().over("symbol", "ex_date") > 1
    return rows.with_columns(reason=pl.when(usable & several).then(pl.lit(CONFLICT)).otherwise("reason"))


def _one_usable_row(inputs: Sequence[Input], rows: pl.DataFrame, kind: str, value: str) -> None:
    refused = rows.group_by("given", maintain_order=True).agg(pl.col("reason").is_not_null().all().alias("all"))
    for number in refused.filter("all")["given"]:
        mine = rows.filter(pl.col("given") == number)
        reason, count = mine["reason"].value_counts(sort=True).row(0)
        first = mine.filter(pl.col("reason") == reason).row(0, named=True)
        against = rows.filter(
            pl.col("given") != number, pl.col("symbol") == first["symbol"], pl.col("ex_date") == first["ex_date"]
        )
        elsewhere = f", against {against['source'][0]}" if reason == CONFLICT and len(against) else ""
        raise FileError(
            f"{inputs[number].path}: none of its rows can be used: {count:,} have {reason!r},"
            f" the first {first['symbol']} on {first['ex_date']}{elsewhere}",
            "take out what is wrong and import again" if reason == CONFLICT else f"{kind} need {value} above zero",
        )


def _quarantined(bad: pl.DataFrame, kind: str, value: str) -> pl.DataFrame:
    shown = pl.col(value).cast(pl.String).fill_null("none")
    return bad.select(
        "symbol",
        pl.col("ex_date").alias("session"),
        *(pl.lit(None, dtype=pl.Float64).alias(name) for name in BAR_COLUMNS[2:]),
        pl.lit(kind).alias("kind"),
        pl.format(f"{kind}: {{}}, {value} {{}}", "reason", shown).alias("reason"),
        "source",
    )
