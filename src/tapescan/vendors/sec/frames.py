"""Frames of the SEC: one concept of one calendar period for all companies in one answer. Fast, not point in time.

A frame tells of each company the value that was filed last, and not when: a fact is known from the session after
the fetch. Durations come as calendar quarters and years only, so cash flows, which are told for the year to date,
are there for years alone; and a fourth quarter that nobody filed is worked out from the year.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass

import msgspec
import polars as pl

from tapescan.core.errors import VendorError
from tapescan.fundamentals.items import CONCEPTS, Concept
from tapescan.fundamentals.observe import RAW
from tapescan.network.link import Link

__all__ = ["Frame", "Period", "frame_facts", "frames_of", "periods"]

#: What the trailing year of a company's third quarter and the one a year before it are made of, reported a quarter
#: late: fourth quarters come out of their years, which takes the three others of each.
_QUARTERS, _YEARS = 12, 3
#: A balance is wanted of a company's newest report, which may be some quarters old, and of a year before.
_BALANCES = (0, 1, 2, 4, 5, 6)
#: Told for the year to date, so that quarter frames hardly have them; or wanted of years alone.
_OF_YEARS = frozenset(
    {
        "NetCashProvidedByUsedInOperatingActivities",
        "PaymentsToAcquirePropertyPlantAndEquipment",
        "WeightedAverageNumberOfDilutedSharesOutstanding",
    }
)


@dataclass(frozen=True)
class Frame:
    """One concept in one period: ``CY2025``, ``CY2026Q2``, or ``CY2026Q2I`` for a balance."""

    concept: Concept
    period: str

    @property
    def path(self) -> str:
        unit = self.concept.unit.replace("/", "-per-")
        return f"/api/xbrl/frames/{self.concept.taxonomy}/{self.concept.tag}/{unit}/{self.period}.json"


class _Value(msgspec.Struct, gc=False):
    cik: int
    end: str  # few different ones, so they are parsed once each
    val: float | None = None
    start: str | None = None


class _Answer(msgspec.Struct):
    tag: str
    ccp: str
    uom: str
    pts: int
    data: list[_Value]


_ANSWER = msgspec.json.Decoder(_Answer)


@dataclass(frozen=True)
class Period:
    """A calendar quarter or year to ask for.

    balances : whether balances are wanted of it. changes : whether companies still report of it; it fills for weeks.
    ended : whether it is sure to hold something.
    """

    name: str
    balances: bool
    changes: bool
    ended: bool = True


def periods(today: dt.date) -> list[Period]:
    """The periods to ask for, newest first: quarters that have ended, then years.

    A fiscal year stands in the calendar year that holds most of it, so the running year has some from summer on.
    """
    newest = today.year * 4 + (today.month - 1) // 3 - 1
    quarters = [
        Period(f"CY{at // 4}Q{at % 4 + 1}", back in _BALANCES, changes=back < 2)
        for back, at in enumerate(range(newest, newest - _QUARTERS, -1))
    ]
    first = today.year if today.month > 6 else today.year - 1
    years = [
        Period(f"CY{year}", balances=False, changes=year >= today.year - 1, ended=year < today.year)
        for year in range(first, today.year - 1 - _YEARS, -1)
    ]
    return quarters + years


def frames_of(period: Period) -> list[Frame]:
    """The frames of a period: its durations, and the balances at its end."""
    common = [concept for concept in CONCEPTS.values() if concept.common]
    year = "Q" not in period.name
    flows = [c for c in common if c.kind == "duration" and (year or c.tag not in _OF_YEARS)]
    instants = [c for c in common if c.kind == "instant"] if period.balances else []
    return [Frame(c, period.name) for c in flows] + [Frame(c, f"{period.name}I") for c in instants]


async def frame_facts(link: Link, period: Period) -> pl.DataFrame:
    """The reported facts (`RAW`, without filing dates) of a period.

    Raises VendorError: ``empty`` when there is no frame of a period that has ended.
    """
    frames = frames_of(period)
    try:
        async with asyncio.TaskGroup() as group:  # when one fails the others are not asked for any more
            tasks = [group.create_task(_one(link, frame)) for frame in frames]
    except ExceptionGroup as failed:
        known = [error for error in failed.exceptions if isinstance(error, VendorError)]
        if len(known) < len(failed.exceptions):
            raise
        raise known[0] from None
    found = [raw for task in tasks if (raw := task.result()) is not None]
    if not found and period.ended:
        raise link.error("empty", f"no frame of {period.name}", "sync again later")
    return pl.concat([pl.DataFrame(schema=RAW), *found])


async def _one(link: Link, frame: Frame) -> pl.DataFrame | None:
    """One frame; None where nobody told the concept in that period."""
    try:
        answer: _Answer = await link.get(frame.path, _ANSWER)
    except VendorError as error:
        if error.reason == "unknown_company":  # the vendor's 404
            return None
        raise
    concept = frame.concept
    if (answer.tag, answer.ccp, answer.uom) != (concept.tag, frame.period, concept.unit):
        said = f"{answer.tag} of {answer.ccp} in {answer.uom}"
        raise link.error("wrong_day", f"{frame.path}: the answer is {said}", "try again later")
    if answer.pts != len(answer.data):
        what = f"{frame.path}: {len(answer.data):,} values where it counts {answer.pts:,}"
        raise link.error("truncated", what, "sync again later")
    return await asyncio.to_thread(_raw, frame, answer.data)


def _raw(frame: Frame, values: list[_Value]) -> pl.DataFrame:
    concept = frame.concept
    table = pl.DataFrame(
        {
            "cik": pl.Series([value.cik for value in values], dtype=pl.Int64),
            "start": _dates([value.start for value in values]),
            "end": _dates([value.end for value in values]),
            "value": pl.Series([value.val for value in values], dtype=pl.Float64),
        }
    )
    same = {"taxonomy": concept.taxonomy, "tag": concept.tag, "unit": concept.unit, "form": None, "accn": None}
    return table.with_columns(
        company=pl.col("cik").cast(pl.String).str.zfill(10),
        filed=pl.lit(None, dtype=pl.Date),
        **{name: pl.lit(text, dtype=pl.String) for name, text in same.items()},
    ).select(*RAW)


def _dates(texts: list[str | None]) -> pl.Series:
    """Dates of texts as 2026-06-27; null for what is none."""
    text = pl.Series(texts, dtype=pl.String)
    known = text.unique().drop_nulls()
    return text.replace_strict(known, known.str.to_date("%Y-%m-%d", strict=False), default=None, return_dtype=pl.Date)
