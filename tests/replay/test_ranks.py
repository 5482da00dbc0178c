"""Where symbols stood: each session's ranks and scores are those of a scan as of it, under the names of then."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

import tapescan
from tapescan.api.replaying import rank_history
from tapescan.core.dates import date_of
from tapescan.core.errors import OptionError
from tapescan.replay.ranks import RankHistory
from tests.replay.worlds import drawn, eventful


def told(found: RankHistory, symbol: str, day: dt.date) -> tuple[Any, ...] | None:
    """symbol of then, rank, score, ranked on a day."""
    rows = found.of(symbol, len(found.sessions)).filter(session=day)
    return rows.drop("session").row(0) if len(rows) else None


def test_each_session_has_the_ranks_of_a_scan_of_it() -> None:
    market = drawn(150, 330, 4)
    found = rank_history(market, models=False, sessions=20)
    assert len(found.sessions) == 20
    everybody = market.listing["symbol"].to_list()
    left_out = 0
    for day in map(date_of, found.sessions[[0, 7, 19]].tolist()):
        scan = tapescan.scan_market(market, as_of=day, models=False)
        rows = scan.ranked.select("symbol", "rank", "score")
        for symbol, rank, score in rows.iter_rows():
            assert told(found, symbol, day) == (symbol, rank, score, len(rows))
        for symbol in {*everybody} - {*rows["symbol"]}:
            left_out += 1
            assert told(found, symbol, day) == (symbol, None, None, len(rows))
    assert left_out > 20


def test_a_profile_and_a_day_are_chosen() -> None:
    market = drawn(150, 330, 4)
    day = market.bars["session"].unique().sort()[-40]
    found = rank_history(market, profile="short_swing", models=False, sessions=3, as_of=day)
    assert date_of(int(found.sessions[-1])) == day
    first = tapescan.scan_market(market, profile="short_swing", as_of=day, models=False).ranked.row(0, named=True)
    assert told(found, first["symbol"], day) == (first["symbol"], 1, first["score"], found.ranked[-1])
    with pytest.raises(OptionError, match="no session up to 1990-01-01"):
        rank_history(market, models=False, as_of="1990-01-01")


def test_a_company_is_followed_through_its_names(tmp_path: Path) -> None:
    made, renames = eventful(9, sessions=420).with_renames()
    store = made.stored(tmp_path / "s", renames)
    found = rank_history(store, models=False, sessions=205)
    days = {(new, former): made.days.index(day) for new, day, former in renames.iter_rows()}
    second = next(at for (new, _), at in days.items() if new == "NEWB")
    first = next(at for (new, _), at in days.items() if new == "NEWA")
    third = next(at for (_, former), at in days.items() if former == made.whole[34])
    original = made.whole[33]
    for at, name in ((-1, "NEWB"), (second, "NEWB"), (second - 1, "NEWA"), (first, "NEWA"), (first - 1, original)):
        own = told(found, "NEWB", made.days[at])
        assert own is not None
        assert own[0] == name
    ranked = 0
    for at in (second - 1, first - 1):
        scan = tapescan.scan_market(store, as_of=made.days[at], models=False).ranked
        for symbol in scan["symbol"]:
            # Who is called so today may be another one.
            if symbol in {"NEWA", original}:
                row = scan.filter(symbol=symbol).row(0, named=True)
                assert told(found, "NEWB", made.days[at]) == (symbol, row["rank"], row["score"], len(scan))
                ranked += 1
    assert ranked
    # A ticker that one company left and another took: before that it was the other's.
    taken = told(found, made.whole[34], made.days[third - 1])
    assert taken is not None
    assert taken[0] == made.whole[35]
    # And one that nobody has told of taking.
    gone = told(found, "NEWA", made.days[first - 1])
    assert gone is not None
    assert gone[:3] == (None, None, None)
