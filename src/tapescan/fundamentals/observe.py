"""From reported facts, tag by tag, to what was known of each item, and when.

A company repeats a value in many filings: as itself, as the comparative of later years, in amendments. What
counts is when a value of a period was first told and when it changed:

1. `check_facts` refuses what cannot be used, each with its reason.
2. A filing that tells the shares of each class on its cover tells the sum (`fundamentals.classes`).
3. A tag's value for a period is a list of versions by filing date; a repetition is no version. Periodic reports
   and their amendments (`items.PERIODIC`) have one list, all other forms another.
4. Whenever a tag of an item gets a new version, the item's rule (`items.ITEMS`) is worked out from the newest
   versions of all its tags at that date: those of periodic reports alone; where these do not suffice, with other
   forms for the tags that they lack. Where its value is not the one before, that is a row of `FACTS`.

A fact is known from the session after its filing date: a filing can come after the close.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import polars as pl

from tapescan.core.errors import OptionError
from tapescan.core.typing import Bools, Floats
from tapescan.fundamentals.classes import with_classes_summed
from tapescan.fundamentals.items import CONCEPTS, ITEMS, PERIODIC, Item
from tapescan.market.calendar import sessions

__all__ = ["FACTS", "RAW", "REFUSALS", "check_facts", "known_from", "observations", "observed"]


#: Facts as a source tells them: one row a tag, period and filing.
RAW: dict[str, pl.DataType] = {
    "company": pl.String(),
    "taxonomy": pl.String(),
    "tag": pl.String(),
    "unit": pl.String(),
    "start": pl.Date(),
    "end": pl.Date(),
    "value": pl.Float64(),
    "filed": pl.Date(),
    "form": pl.String(),
    "accn": pl.String(),
}

#: What was known of an item of a company for a period, and since which session: one row a value as first known
#: and each later change of it. ``start`` is null for an instant, ``filed`` where the source does not tell it.
FACTS: dict[str, pl.DataType] = {
    "company": pl.String(),
    "item": pl.String(),
    "start": pl.Date(),
    "end": pl.Date(),
    "value": pl.Float64(),
    "filed": pl.Date(),
    "known_at": pl.Date(),
    "form": pl.String(),
    "source": pl.String(),
}

NOT_GAAP = "IFRS, not US GAAP"
WRONG_UNIT = "another unit or currency"
NO_DATE = "no date"
BAD_DATE = "impossible dates"
NOT_FINITE = "no finite value"
#: Why a fact is refused, in the order in which it is asked.
REFUSALS = (NOT_GAAP, WRONG_UNIT, NO_DATE, BAD_DATE, NOT_FINITE)

#: Filings before electronic ones and dates that nobody can have filed yet are slips of the pen.
_EARLIEST = dt.date(1990, 1, 1)
_LATEST = dt.date(2099, 12, 31)

_PERIOD = ("company", "start", "end")


def check_facts(raw: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split reported facts (`RAW`) into the usable and the refused: ``(good, refused)``.

    good : the facts of the tags in `items.CONCEPTS`, in their unit, with possible dates and a finite value.
    refused : facts of those tags (and all IFRS facts) that cannot be used, and ``reason``, one of `REFUSALS`.
    Facts of any other tag are in neither: no item reads them.
    """
    table = pl.DataFrame(
        [(concept.taxonomy, concept.tag, concept.unit, concept.kind == "instant") for concept in CONCEPTS.values()],
        schema=["_taxonomy", "tag", "_unit", "_instant"],
        orient="row",
    )
    ifrs = pl.col("taxonomy") == "ifrs-full"
    judged = raw.join(table, on="tag", how="left", maintain_order="left").filter(
        ifrs | (pl.col("taxonomy") == pl.col("_taxonomy"))
    )
    start, end, filed = pl.col("start"), pl.col("end"), pl.col("filed")
    rules = {
        NOT_GAAP: ifrs,
        WRONG_UNIT: pl.col("unit").ne_missing(pl.col("_unit")),
        NO_DATE: end.is_null() | (start.is_null() & ~pl.col("_instant")),
        BAD_DATE: (end < _EARLIEST)
        | (end > _LATEST)
        | (filed > _LATEST)
        | (filed < end)
        | (start.is_not_null() & pl.col("_instant"))
        | (start < _EARLIEST)
        | (start >= end),
        NOT_FINITE: pl.col("value").is_null() | ~pl.col("value").is_finite(),
    }
    reason = pl.coalesce(pl.when(rule.fill_null(value=False)).then(pl.lit(text)) for text, rule in rules.items())
    judged = judged.with_columns(reason=reason).drop("_taxonomy", "_unit", "_instant")
    return judged.filter(pl.col("reason").is_null()).drop("reason"), judged.filter(pl.col("reason").is_not_null())


def observations(raw: pl.DataFrame, source: str = "sec:facts", fetched: dt.date | None = None) -> pl.DataFrame:
    """What was known of each item and since when: rows of `FACTS`, sorted by company, item, period and date.

    raw : reported facts (`RAW`), all that is known of the companies in it, in any order; unusable ones are
        passed over (`check_facts` tells them).
    source : the name kept in the rows.
    fetched : the date of the fetch, for facts without a filing date: such a fact is known from the session
        after it. Raises OptionError where one is needed and not given.

    The revenue of a period is the larger of the totals known for it, so a comparative that was restated
    downwards under another tag does not replace it.
    """
    return observed(check_facts(raw)[0], source, fetched)


def observed(good: pl.DataFrame, source: str = "sec:facts", fetched: dt.date | None = None) -> pl.DataFrame:
    """As `observations`, of the usable facts that `check_facts` gave."""
    if fetched is None and good["filed"].has_nulls():
        raise OptionError("facts without a filing date", "give the date on which they were fetched")
    told = good.with_columns(
        told=pl.col("filed").fill_null(pl.lit(fetched, dtype=pl.Date)),
        # Where the source tells no form it has values of periodic reports.
        periodic=pl.col("form").is_in(PERIODIC).fill_null(value=True),
    )
    told = with_classes_summed(told)
    instant = pl.col("start").is_null()
    rows = [
        *_item_versions(_tag_versions(told.filter(instant)), "instant"),
        *_item_versions(_tag_versions(told.filter(~instant)), "duration"),
    ]
    facts = pl.concat(rows)
    facts = facts.with_columns(known_at=known_from(facts["told"]), source=pl.lit(source))
    return facts.select(pl.col(name).cast(kind) for name, kind in FACTS.items()).sort(
        "company", "item", "end", "start", "known_at", "filed"
    )


def known_from(told: pl.Series) -> pl.Series:
    """The first session after each date (Date, no nulls): when a scan may use what was told on it."""
    days = told.cast(pl.Date)
    if days.is_empty():
        return days.alias("known_at")
    first, last = days.min(), days.max()
    assert isinstance(first, dt.date)
    assert isinstance(last, dt.date)
    open_days = sessions(first, last + dt.timedelta(days=14))
    after = open_days[np.searchsorted(open_days, days.to_physical().to_numpy(), side="right")]
    return pl.Series("known_at", after).cast(pl.Date)


def _tag_versions(told: pl.DataFrame) -> pl.DataFrame:
    """Each tag's value of a period as first told, and its later changes; sorted by period and date.

    Of several values filed on one day the last filing's counts (accession numbers ascend), and of several in one
    filing the larger: there is no better reason, but the answer must not depend on the order of the rows.
    """
    facts = told.sort(*_PERIOD, "tag", "periodic", "told", "accn", "value", nulls_last=False)
    same_day = _repeats(facts, *_PERIOD, "tag", "periodic", "told")
    facts = facts.filter(~same_day.shift(-1, fill_value=False))
    repeats = _repeats(facts, *_PERIOD, "tag", "periodic", "value")
    return facts.filter(~repeats).sort(*_PERIOD, "told", "periodic", "accn", maintain_order=True)


def _repeats(frame: pl.DataFrame, *columns: str) -> pl.Series:
    """Whether a row has the same values in these columns as the row before it."""
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift()) for name in columns)
    return frame.select(same.alias("same") & (pl.int_range(pl.len()) > 0))["same"]


def _item_versions(versions: pl.DataFrame, kind: str) -> list[pl.DataFrame]:
    """One frame an item of this kind: company, item, start, end, value, filed, told, form."""
    items = [item for item in ITEMS if item.kind == kind]
    tags = sorted({tag for item in items for tag in item.tags})
    if versions.is_empty():
        return [_rows(versions.with_columns(item=pl.lit(""))) for _ in items[:1]]
    # One row a period and date on which something of it was told ...
    last = ~_repeats(versions, *_PERIOD, "told").shift(-1, fill_value=False)
    events = versions.filter(last)
    row = last.cum_sum().to_numpy() - last.to_numpy()
    # ... and in it each tag's value at that date, of periodic reports and then of other forms: told then, or
    # carried on from an earlier one.
    column = versions["tag"].replace_strict(tags, list(range(len(tags))), return_dtype=pl.Int64).to_numpy()
    known = np.full((len(events), 2 * len(tags)), np.nan)
    known[row, column + len(tags) * ~versions["periodic"].to_numpy()] = versions["value"].to_numpy()
    begins = ~_repeats(events, *_PERIOD)
    known = _carry(known, begins.to_numpy())
    events = events.drop("value", "tag", "periodic").with_columns(pl.Series("begins", begins))
    reported, other = known[:, : len(tags)], known[:, len(tags) :]
    first = _with_tags(events, tags, reported)
    second = _with_tags(events, tags, np.where(np.isnan(reported), other, reported))
    return [_changes(first, second, item) for item in items]


def _with_tags(events: pl.DataFrame, tags: Sequence[str], known: Floats) -> pl.DataFrame:
    return events.with_columns(pl.Series(tag, known[:, at], nan_to_null=True) for at, tag in enumerate(tags))


def _carry(known: Floats, begins: Bools) -> Floats:
    """Fill each not-known value with the last known one above it, up to the row where its period begins."""
    rows = np.arange(len(known))[:, None]
    source = np.maximum.accumulate(np.where(np.isnan(known), -1, rows), axis=0)
    first = np.maximum.accumulate(np.where(begins, rows[:, 0], 0))[:, None]
    return np.where(source >= first, np.take_along_axis(known, np.maximum(source, 0), axis=0), np.nan)


def _changes(first: pl.DataFrame, second: pl.DataFrame, item: Item) -> pl.DataFrame:
    """The rows on which this item gets a value, or another value than before.

    first : tags as periodic reports told them. second : with those of other forms where they did not.
    """
    value = first.select(
        *("begins", *_PERIOD, "filed", "told", "form"),
        item=pl.lit(item.name),
        value=first.select(value=item.rule)["value"].fill_null(second.select(value=item.rule)["value"]),
    )
    before = pl.when(~pl.col("begins")).then(pl.col("value").shift())
    return _rows(value.filter(pl.col("value").is_not_null() & pl.col("value").ne_missing(before)))


def _rows(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select("company", "item", "start", "end", "value", "filed", "told", "form")
