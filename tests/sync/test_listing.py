"""A listing that is fetched again: who is gone, and when that is not believed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import ClassVar

import polars as pl
import pytest

from tapescan.store import Store
from tapescan.sync.checking import doubtful
from tapescan.vendors.seam import Ask, Batch, Call, rows_of
from tests.sync.vendor import NOW, Run, _Vendor


class Listing(_Vendor):
    """The whole listing in a call."""

    offers: ClassVar[tuple[str, ...]] = ("universe",)
    preferred: ClassVar[Mapping[str, int]] = {}
    needs_symbols: ClassVar[tuple[str, ...]] = ()

    def __init__(self, symbols: Sequence[str]) -> None:
        super().__init__()
        self.symbols = symbols

    def calls(self, ask: Ask) -> Sequence[Call]:
        return [Call("universe", "universe", lasts=dt.timedelta(days=1))] if ask.what == "universe" else []

    def answer(self, call: Call) -> Sequence[Batch]:
        del call
        rows = rows_of("symbols").clear(len(self.symbols)).with_columns(symbol=pl.Series(list(self.symbols)))
        return [Batch("symbols", rows)]


ALL = [f"S{number:03}" for number in range(100)]
LATER = NOW + dt.timedelta(days=3)


@pytest.mark.parametrize(
    ("lost", "before", "found"),
    [
        (10, 100, False),
        (11, 100, True),
        (90, 100, True),
        (5, 6, False),
        (6, 20, True),
        (0, 0, False),
        (400, 4001, False),
    ],
)
def test_a_tenth_may_go_and_five_always(lost: int, before: int, found: bool) -> None:
    assert doubtful(lost, before) == found


def listed(store: Store) -> list[str]:
    return sorted(store.known().read("symbols").filter(pl.col("delisted").is_null())["symbol"])


def test_who_is_gone_from_a_listing_is_delisted(run: Run, store: Store) -> None:
    run(Listing(ALL), what=("universe",))
    run(Listing(ALL[:95]), now=LATER, what=("universe",))
    assert listed(store) == ALL[:95]


@pytest.mark.parametrize("left", [10, 50, 89])
def test_a_listing_that_lost_too_many_is_not_believed(run: Run, store: Store, left: int) -> None:
    run(Listing(ALL), what=("universe",))
    report = run(Listing(ALL[:left]), now=LATER, what=("universe",))
    assert [failure.reason for part in report.parts for failure in part.failures] == ["short_listing"]
    assert f"lacks {100 - left} of the 100 symbols" in report.parts[0].failures[0].detail
    assert listed(store) == ALL


def test_a_listing_that_is_asked_for_as_it_is_marks_nobody_when_it_lost_too_many(run: Run, store: Store) -> None:
    run(Listing(ALL), what=("universe",))
    report = run(Listing(ALL[:10]), now=LATER, what=("universe",), replace=True)
    assert listed(store) == ALL
    assert any(
        "90 of 100 symbols are missing from the new listing" in note for part in report.parts for note in part.notes
    )
