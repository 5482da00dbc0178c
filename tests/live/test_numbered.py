"""Names as numbers, whether they are looked up natively or one by one."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tapescan.live.numbered import FEW, Numbered

NAMES = st.lists(st.integers(0, 4 * FEW).map(lambda one: f"S{one}"), max_size=3 * FEW)


@given(st.lists(NAMES, max_size=6))
def test_each_name_has_the_number_of_its_first_coming(some: list[list[str]]) -> None:
    numbered, expected = Numbered(), dict[str, int]()
    for names in some:
        for name in names:
            expected.setdefault(name, len(expected))
        found = numbered.of(pl.Series(names, dtype=pl.String))
        assert found.tolist() == [expected[name] for name in names]
        assert (numbered.names, numbered.numbers) == ([*expected], expected)
