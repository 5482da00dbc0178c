"""Filings made by hand: facts as companies report them, and random companies with their defects."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

import polars as pl
from hypothesis import strategies as st

from tapescan.fundamentals.items import ITEMS
from tapescan.fundamentals.observe import FACTS, RAW, known_from
from tests.fundamentals.reference import Fact

KIND = {item.name: item.kind for item in ITEMS}
UNITS = {"EntityCommonStockSharesOutstanding": "shares", "CommonStockSharesOutstanding": "shares"}

Day = dt.date


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def raw(*rows: tuple[object, ...], company: str = "0000000001") -> pl.DataFrame:
    """Reported facts from (tag, start or None, end, value, filed[, unit[, accn]])."""
    data = []
    for number, (tag, start, end, value, filed, *more) in enumerate(rows):
        name = str(tag)
        per_share = "USD/shares" if name.startswith("EarningsPerShare") else "USD"
        unit = more[0] if more else "shares" if "Shares" in name and "PerShare" not in name else per_share
        taxonomy = "dei" if name.startswith("Entity") else "us-gaap"
        accn = more[1] if len(more) > 1 else f"{number:04d}"
        dates = [None if text is None else day(str(text)) for text in (start, end, filed)]
        data.append((company, taxonomy, name, unit, dates[0], dates[1], value, dates[2], "10-Q", accn))
    return pl.DataFrame(data, schema=RAW, orient="row")


def facts(*rows: tuple[object, ...], company: str = "0000000001") -> pl.DataFrame:
    """Rows of FACTS from (item, start or None, end, value, filed)."""
    data = []
    for item, start, end, value, filed in rows:
        begin = None if start is None else day(str(start))
        assert isinstance(value, int | float)
        data.append(Fact(str(item), begin, day(str(end)), float(value), day(str(filed)), day(str(filed))))
    return table(data, company)


def table(data: Iterable[Fact], company: str = "0000000001", sessions: bool = True) -> pl.DataFrame:
    """Rows of FACTS; with ``sessions`` known from the session after the filing, else as the facts say."""
    rows = [(company, f.item, f.start, f.end, f.value, f.filed, f.known_at, "10-Q", "sec") for f in data]
    frame = pl.DataFrame(rows, schema=FACTS, orient="row")
    return frame.with_columns(known_at=known_from(frame["filed"])) if sessions and len(frame) else frame


def fiscal_year(
    item: str, starts: Sequence[str], end: str, quarters: Sequence[float], lag: int = 40
) -> list[tuple[object, ...]]:
    """One year as it is filed: three quarters, two years to date, and the year; no fourth quarter."""
    first = [day(text) for text in starts]
    ends = [begin - dt.timedelta(days=1) for begin in first[1:]] + [day(end)]
    rows: list[tuple[object, ...]] = []
    for number in range(3):
        filed = ends[number] + dt.timedelta(days=lag)
        rows.append((item, first[number], ends[number], quarters[number], filed))
        if number:
            rows.append((item, first[0], ends[number], sum(quarters[: number + 1]), filed))
    rows.append((item, first[0], ends[3], sum(quarters), ends[3] + dt.timedelta(days=lag + 25)))
    return rows


def calendar_year(item: str, year: int, quarters: Sequence[float], lag: int = 40) -> list[tuple[object, ...]]:
    starts = [f"{year}-{month:02d}-01" for month in (1, 4, 7, 10)]
    return fiscal_year(item, starts, f"{year}-12-31", quarters, lag)


#: Items that together take every way through the arithmetic: flows, a value per share, an average, instants.
RANDOM_ITEMS = ("revenue", "net_income", "eps", "diluted_shares", "assets", "debt", "shares")


@st.composite
def random_company(draw: st.DrawFn) -> list[Fact]:
    """Four fiscal years as filed, with pieces missing, restated later, and dates labelled some days off."""
    length = draw(st.sampled_from([(91, 91, 91, 92), (91, 91, 91, 91), (91, 91, 91, 98), (84, 84, 84, 112)]))
    start = draw(st.dates(dt.date(2019, 12, 20), dt.date(2020, 12, 30)))
    items = draw(st.lists(st.sampled_from(RANDOM_ITEMS), min_size=1, max_size=4, unique=True))
    chance = st.integers(0, 9)
    wide = st.integers(-2000, 2000).map(lambda number: number / 4)
    out: list[Fact] = []

    def add(item: str, begin: dt.date | None, end: dt.date) -> None:
        if draw(chance) == 0:
            return
        if draw(chance) == 0:
            end += dt.timedelta(days=draw(st.integers(-5, 5)))
        if begin is not None and draw(chance) == 0:
            begin += dt.timedelta(days=draw(st.integers(-5, 5)))
        filed = end + dt.timedelta(days=draw(st.integers(20, 90)))
        dated = draw(chance) > 0
        for _ in range(draw(st.sampled_from([1, 1, 1, 2]))):
            known = filed + dt.timedelta(days=1)
            if (item, begin, end, known) not in {(f.item, f.start, f.end, f.known_at) for f in out}:
                out.append(Fact(item, begin, end, draw(wide), filed if dated else None, known))
            filed += dt.timedelta(days=draw(st.integers(30, 400)))

    for _ in range(4):
        ends: list[dt.date] = []
        for days in length:
            ends.append((ends[-1] if ends else start - dt.timedelta(days=1)) + dt.timedelta(days=days))
        for item in items:
            for number, end in enumerate(ends):
                if KIND[item] == "instant":
                    add(item, None, end + dt.timedelta(days=20 if item == "shares" else 0))
                    continue
                begin = ends[number - 1] + dt.timedelta(days=1) if number else start
                if number < 3 or draw(chance) == 0:
                    add(item, begin, end)
                if number:
                    add(item, start, end)
        start = ends[-1] + dt.timedelta(days=1)
    return out
