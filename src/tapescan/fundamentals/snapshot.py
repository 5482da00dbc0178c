"""One row a company: its statements as they were known on a date."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import polars as pl

from tapescan.core.typing import Floats, Ints
from tapescan.fundamentals.doubts import AGAINST, Doubts, find_doubts
from tapescan.fundamentals.items import PER_SHARE, SHARE_COUNTS
from tapescan.fundamentals.periods import (
    DAY_BITS,
    DAY_ZERO,
    NAMES,
    Newest,
    Series,
    Values,
    derive_series,
    find_first,
    find_latest,
    known_facts,
    newest_versions,
)

__all__ = ["DOUBTFUL", "FIELDS", "SNAPSHOT", "STALE_AFTER", "doubtful_facts", "in_share_basis", "snapshot"]


#: Sums of the trailing twelve months.
_TTM = (
    "revenue",
    "cost_of_revenue",
    "gross_profit",
    "operating_income",
    "net_income",
    "eps",
    "operating_cash_flow",
    "capex",
)
#: Values at the end of the period.
_INSTANTS = (
    "assets",
    "current_assets",
    "current_liabilities",
    "liabilities",
    "equity",
    "debt",
    "long_term_debt",
    "cash",
    "inventory",
)
#: Quarters set against the same quarter of the year before.
_QUARTERS = ("revenue", "eps")
_NOW = (*_TTM, *_INSTANTS, "shares")
_READ = (*_NOW, "diluted_shares")

#: The values of a snapshot, all Float64, null for what is not known.
FIELDS: tuple[str, ...] = (
    *_NOW,
    *(f"{name}_1y" for name in _NOW),
    *(f"{name}_q{before}" for name in _QUARTERS for before in ("", "_1y")),
)
SNAPSHOT: dict[str, pl.DataType] = {
    "company": pl.String(),
    "period_end": pl.Date(),
    "known_at": pl.Date(),
    **dict.fromkeys(FIELDS, pl.Float64()),
}

#: One row a fact that is not believed.
DOUBTFUL: dict[str, pl.DataType] = {
    "company": pl.String(),
    "item": pl.String(),
    "start": pl.Date(),
    "end": pl.Date(),
    "value": pl.Float64(),
    "filed": pl.Date(),
    "known_at": pl.Date(),
    "form": pl.String(),
    "against": pl.String(),
    "other": pl.Float64(),
}

#: A company whose newest period ended more days ago than this has stopped reporting: a year and the time in
#: which the next annual report is due.
STALE_AFTER = 460
#: No period that ended earlier can be a part of a snapshot: a period that is not stale (460 days), the one a year
#: before it (380), the first of that one's four quarters (290), the first of three that it is derived from (300).
_REACH = dt.timedelta(days=1440)
#: Nor a balance: the oldest is the number of shares a year and a report before.
_BALANCE_REACH = dt.timedelta(days=STALE_AFTER + 365 + 115)
#: Days by which one report labels the end of its period differently in different places.
_LABEL = 7
_ONE_YEAR = 365
_YEAR_SLACK = 15  # 350 to 380 days
#: The number of shares is that of the cover, counted some weeks after the period, or of the balance sheet; at
#: most one report old.
_SHARES_BEFORE, _SHARES_AFTER = 100, 80
_MASK = (1 << DAY_BITS) - 1


def snapshot(facts: pl.DataFrame, as_of: dt.date, splits: pl.DataFrame | None = None) -> pl.DataFrame:
    """The statements of every company as known on ``as_of``: rows of `SNAPSHOT`, sorted by company.

    facts : rows of `observe.FACTS` in any order. Those with a later ``known_at`` change nothing.
    splits : company, ex_date, ratio (new shares for one old). Share counts and values per share filed before an
        ex-date, itself not after ``as_of``, are brought to the share basis of ``as_of``. None: as filed.

    ``period_end`` is the newest end of a balance sheet or income statement. Fields without suffix: the trailing
    twelve months ending then, and balances at that day; ``_1y``: the same a year (350 to 380 days) earlier, with
    the restatements known on ``as_of``; ``_q``: the quarter ending then. A value of another day never stands in for
    one that is missing. ``known_at`` is the latest of all values used.

    ``shares`` is the newest number from the cover or the balance sheet; where there is none (companies with several
    classes report one number a class), it and ``shares_1y`` are the average diluted number of the period.
    ``eps`` and ``eps_1y`` may be sums of quarters, which is approximate.

    What `doubts.find_doubts` finds is unknown, and so is what it is a part of. A number of shares stays so until the
    next one; only where it is at most a tenth of an average diluted number that is itself beyond doubt, the number
    before or that average stands in, as where none is told.

    Companies whose newest period ended more than `STALE_AFTER` days before ``as_of`` are left out, and
    those of which no field is known.
    """
    known = known_facts(facts, as_of, _READ, as_of - _REACH, as_of - _BALANCE_REACH)
    told = newest_versions(in_share_basis(known, splits, as_of))
    series = derive_series(_without(told, find_doubts(told)))
    base = np.arange(len(series.company), dtype=np.int64) * len(NAMES)
    period_end = _period_end(series, base)
    values, newest = _fields(series, base, period_end)
    fresh = period_end >= (as_of - dt.date(1970, 1, 1)).days + DAY_ZERO - STALE_AFTER
    rows = pl.DataFrame(
        {
            "company": series.company,
            "period_end": _dates(period_end),
            "known_at": _dates(newest),
            **{name: pl.Series(name, values[name], nan_to_null=True) for name in FIELDS},
        },
        schema=SNAPSHOT,
    )
    return rows.filter(pl.Series(fresh & (newest > 0)))


def doubtful_facts(facts: pl.DataFrame, as_of: dt.date, splits: pl.DataFrame | None = None) -> pl.DataFrame:
    """The facts that a snapshot of a day does not believe: rows of `DOUBTFUL`, sorted by company, item and period.

    facts, splits : as `snapshot` takes them. value, other : in the share basis of the day. against : what speaks
    against the value (`doubts.AGAINST`), and ``other`` the value of that.
    """
    known = in_share_basis(known_facts(facts, as_of, _READ, as_of - _REACH, as_of - _BALANCE_REACH), splits, as_of)
    newest = newest_versions(known)
    found = find_doubts(newest)
    rows = known[newest.row[found.place]].with_columns(
        against=pl.Series([AGAINST[kind] for kind in found.against], dtype=pl.String),
        other=pl.Series(found.other, nan_to_null=True),
    )
    return rows.select(pl.col(name).cast(kind) for name, kind in DOUBTFUL.items()).sort(
        "company", "item", "end", "start"
    )


def _without(newest: Newest, found: Doubts) -> Newest:
    """The facts without what is doubtful: its value is unknown (NaN), or it is as if it had not been told."""
    value = newest.value.copy()
    value[found.place] = np.nan
    kept = np.ones(len(value), np.bool_)
    kept[found.place[found.replaced]] = False
    return replace(newest, value=value).keep(kept)


def in_share_basis(facts: pl.DataFrame, splits: pl.DataFrame | None, as_of: dt.date) -> pl.DataFrame:
    """Facts with share counts and values per share in the share basis of ``as_of``.

    A report restates its comparatives for a split that has happened, so a value is in the basis of its filing
    date. Where that is not known and a split lies between the period's end and the fetch, the basis is not known
    either, and the fact is left out.
    """
    if splits is None:
        return facts
    splits = splits.filter(pl.col("ex_date") <= as_of).sort("company", "ex_date")
    concerned = facts["item"].is_in([*PER_SHARE, *SHARE_COUNTS]) & facts["company"].is_in(splits["company"].implode())
    place = concerned.arg_true()
    if not len(place):
        return facts
    steps = splits.select(
        "company",
        "ex_date",
        split=pl.col("ex_date"),
        factor=pl.col("ratio").cum_prod(reverse=True).over("company"),
    ).sort("ex_date")
    touched = (
        facts[place]
        .with_columns(told=pl.coalesce("filed", "known_at"), place=place)
        .sort("told")
        .join_asof(
            steps.select("company", "ex_date", "factor"),
            left_on="told",
            right_on="ex_date",
            by="company",
            strategy="forward",
            allow_exact_matches=False,
            check_sortedness=False,
        )
        .join_asof(
            steps.select("company", "ex_date", "split"),
            left_on="told",
            right_on="ex_date",
            by="company",
            strategy="backward",
            check_sortedness=False,
        )
    )
    factor = pl.col("factor").fill_null(1.0)
    moved = (
        pl.when(pl.col("item").is_in(PER_SHARE)).then(pl.col("value") / factor).otherwise(pl.col("value") * factor)
    )
    touched = touched.with_columns(
        moved=moved, unclear=pl.col("filed").is_null() & (pl.col("split") > pl.col("end")).fill_null(value=False)
    )
    facts = facts.with_columns(facts["value"].clone().scatter(touched["place"], touched["moved"]))
    if not touched["unclear"].any():
        return facts
    gone = touched.filter("unclear")["place"]
    return facts.filter(~pl.Series(np.isin(np.arange(len(facts)), gone.to_numpy())))


def _period_end(series: Series, base: Ints) -> Ints:
    """Each company's newest end of a balance sheet or income statement; where it has neither, of anything else."""
    statements = [(series.instant, "assets")]
    statements += [(part, name) for part in (series.quarter, series.ttm) for name in ("revenue", "net_income")]
    others = [(part, name) for part in (series.instant, series.quarter, series.ttm) for name in NAMES]
    newest = _newest_end(statements, base)
    return np.where(newest > 0, newest, _newest_end(others, base))


def _newest_end(parts: list[tuple[Values, str]], base: Ints) -> Ints:
    newest = np.zeros(len(base), np.int64)
    for values, name in parts:
        first = (base + NAMES.index(name)) << DAY_BITS
        at = find_latest(values.key, first, first | _MASK)
        if len(values.key):
            newest = np.maximum(newest, np.where(at >= 0, values.key[at] & _MASK, 0))
    return newest


def _fields(series: Series, base: Ints, period_end: Ints) -> tuple[dict[str, Floats], Ints]:
    """The values of `FIELDS`, NaN for what is not known, and the latest day on which one of them became known."""
    fields: dict[str, Floats] = {}
    newest = np.zeros(len(base), np.int64)

    def take(field: str, values: Values, at: Ints) -> None:
        nonlocal newest
        if not len(values.value):
            fields[field] = np.full(len(at), np.nan)
            return
        fields[field] = np.where(at >= 0, values.value[at], np.nan)
        newest = np.maximum(newest, np.where(np.isnan(fields[field]), 0, values.known[at]))

    for suffix, back, slack in (("", 0, _LABEL), ("_1y", _ONE_YEAR, _YEAR_SLACK)):
        end = period_end - back
        for names, values, kind in (
            (_TTM, series.ttm, ""),
            (_INSTANTS, series.instant, ""),
            (_QUARTERS, series.quarter, "_q"),
        ):
            for name in names:
                wanted = ((base + NAMES.index(name)) << DAY_BITS) | end
                take(f"{name}{kind}{suffix}", values, _nearest(values.key, wanted, slack))
    values, now, before = _shares(series, base, period_end)
    take("shares", values, now)
    take("shares_1y", values, before)
    return fields, newest


def _shares(series: Series, base: Ints, period_end: Ints) -> tuple[Values, Ints, Ints]:
    """Where each company's numbers of shares are, now and a year before: values, and places among them."""
    counted = ((base + NAMES.index("shares")) << DAY_BITS) | period_end
    average = ((base + NAMES.index("diluted_shares")) << DAY_BITS) | period_end
    parts = (series.instant, series.quarter, series.ttm)
    values = Values(
        np.concatenate([part.key for part in parts]),
        np.concatenate([part.value for part in parts]),
        np.concatenate([part.known for part in parts]),
        np.concatenate([part.derived for part in parts]),
    )

    def averages(end: Ints, slack: int) -> Ints:
        quarter = _nearest(series.quarter.key, end, slack)
        year = _nearest(series.ttm.key, end, slack)
        offset = len(series.instant.key)
        year = np.where(year >= 0, year + offset + len(series.quarter.key), -1)
        return np.where(quarter >= 0, quarter + offset, year)

    def counts(end: Ints) -> Ints:
        return find_latest(series.instant.key, end - _SHARES_BEFORE, end + _SHARES_AFTER)

    now = counts(counted)
    known = now >= 0
    now = np.where(known, now, averages(average, _LABEL))
    before = np.where(known, counts(counted - _ONE_YEAR), averages(average - _ONE_YEAR, _YEAR_SLACK))
    return values, now, before


def _nearest(keys: Ints, wanted: Ints, slack: int) -> Ints:
    """The place of the sorted key nearest to each wanted one, at most ``slack`` days away; -1 where there is none."""
    below = find_latest(keys, wanted - slack, wanted)
    above = find_first(keys, wanted, wanted + slack)
    if not len(keys):
        return below
    nearer = (above >= 0) & ((below < 0) | (keys[above] - wanted <= wanted - keys[below]))
    return np.where(nearer, above, below)


def _dates(days: Ints) -> pl.Series:
    return pl.Series((days - DAY_ZERO).astype(np.int32)).cast(pl.Date)
