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
    rows = [(company, f.item, f.start, f.end, f.value, f.filed, f.known_at, f.form, "sec") for f in data]
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
    """Four fiscal years as filed, with pieces missing, restated later, and dates labelled some days off.

    What befalls a single fact comes from one drawn seed: drawn one by one, these some hundred choices of a company
    would take longer than all that is done with it.
    """
    length = draw(st.sampled_from([(91, 91, 91, 92), (91, 91, 91, 91), (91, 91, 91, 98), (84, 84, 84, 112)]))
    start = draw(st.dates(dt.date(2019, 12, 20), dt.date(2020, 12, 30)))
    items = draw(st.lists(st.sampled_from(RANDOM_ITEMS), min_size=1, max_size=4, unique=True))
    share = draw(st.sampled_from([0.0, 0.1, 0.1, 0.1, 0.2]))
    random = draw(st.randoms(use_true_random=True))
    out: list[Fact] = []

    def seldom() -> bool:
        return random.random() < share

    def shifted(day: dt.date, low: int, high: int) -> dt.date:
        return day + dt.timedelta(days=random.randint(low, high))

    def add(item: str, begin: dt.date | None, end: dt.date) -> None:
        if seldom():
            return
        if seldom():
            end = shifted(end, -5, 5)
        if begin is not None and seldom():
            begin = shifted(begin, -5, 5)
        filed, dated = shifted(end, 20, 90), not seldom()
        for _ in range(random.choice([1, 1, 1, 2])):
            known = filed + dt.timedelta(days=1)
            if (item, begin, end, known) not in {(f.item, f.start, f.end, f.known_at) for f in out}:
                value = random.randint(-2000, 2000) / 4 * (1000.0 if seldom() else 1.0)
                form = random.choice(["DEF 14A", "8-K", None, "10-K/A"]) if seldom() else "10-Q"
                out.append(Fact(item, begin, end, value, filed if dated else None, known, form))
            filed = shifted(filed, 30, 400)

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
                if number < 3 or random.random() < 0.1:
                    add(item, begin, end)
                if number:
                    add(item, start, end)
        start = ends[-1] + dt.timedelta(days=1)
    return out
