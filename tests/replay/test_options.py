"""A replay over what options say: each session has its own rows, as a scan of it does."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import tapescan
from tapescan.api import scan_market
from tapescan.core.errors import OptionError
from tapescan.importing.importing import import_frames
from tapescan.scan.profile import load_profile
from tapescan.store import Store
from tests.commands import one_line
from tests.commands import tapescan as command
from tests.conftest import random_bars
from tests.scan.option_features import option_features, store_rows

WHERE = "iv_percentile_252 > 50 AND vrp_20 > -1 AND gex > 0"
SESSIONS, WITHOUT = 110, 4


def values(symbol: str, number: int) -> dict[str, float | None]:
    turn = int(symbol[1:])
    iv = 0.4 + 0.2 * np.sin(0.3 * number + turn)
    return {"iv_30": float(iv), "option_volume": 100.0 + number, "gex": 1.0 + turn, "skew_25d_30": 0.01 * (turn % 7)}


@pytest.fixture(scope="module")
def days() -> list[dt.date]:
    return random_bars(symbols=40, sessions=420, seed=8)["session"].unique().sort().to_list()


@pytest.fixture(scope="module")
def store(days: list[dt.date], tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Forty symbols with options in the last sessions, but for one of these."""
    found = Store(tmp_path_factory.mktemp("options") / "store")
    import_frames(found, [random_bars(symbols=40, sessions=420, seed=8)])
    names = [f"S{number:03d}" for number in range(40)]
    rows = option_features(names, days[-SESSIONS:], values)
    store_rows(found, rows.filter(pl.col("session") != days[-WITHOUT]))
    return found


def test_each_session_is_that_of_a_scan(store: Store, days: list[dt.date]) -> None:
    start = days[-30]
    found = tapescan.replay_market(store, where=WHERE, start=start, top=5, verify=6)
    assert found.verified is not None
    assert not found.verified.differing
    for day in (days[-20], days[-10]):
        own = found.picks.filter(session=day)
        best = scan_market(store, as_of=day, where=WHERE).best(5)
        assert own["symbol"].to_list() == best["symbol"].to_list()
        assert len(own) == 5
    # A session without options has no picks, and it is said.
    assert found.picks.filter(session=days[-WITHOUT]).is_empty()
    assert "nothing is known of options on 1 of 30 sessions" in found.notes


def test_a_weight_of_the_factor_is_replayed_too(store: Store, days: list[dt.date], tmp_path: Path) -> None:
    path = tmp_path / "weighed.toml"
    path.write_text('title = "Options"\n[weights]\noptions = 1\n[filters]\nmin_dollar_volume = 0\n')
    profile = load_profile(str(path))
    found = tapescan.replay_market(store, profile=profile, start=days[-30], top=5, verify=5)
    assert found.verified is not None
    assert not found.verified.differing


def test_a_replay_up_to_a_day_is_one_of_a_store_that_ends_there(
    store: Store, days: list[dt.date], tmp_path: Path
) -> None:
    day, cut = days[-12], Store(tmp_path / "cut")
    import_frames(cut, [store.known().bars().filter(pl.col("session") <= day)])
    store_rows(cut, store.known().read("option_features").filter(pl.col("session") <= day))
    shown = [
        tapescan.replay_market(one, where=WHERE, start=days[-30], end=end).picks.write_csv()
        for one, end in ((store, day), (cut, None))
    ]
    assert shown[0] == shown[1]


def test_without_a_history_of_options_it_is_one_line(store: Store, days: list[dt.date], tmp_path: Path) -> None:
    bare = Store(tmp_path / "bare")
    import_frames(bare, [store.known().bars()])
    done = command("replay", "--store", bare.path, "--where", WHERE)
    assert one_line(done).startswith("tapescan: no option data in what is replayed;")
    done = command("replay", "--store", store.path, "--where", WHERE, "--from", str(days[-SESSIONS - 5]))
    begin = f"option data begins on {days[-SESSIONS]}, after the first session replayed, {days[-SESSIONS - 5]}"
    assert one_line(done) == f"tapescan: --from: {begin}; replay from {days[-SESSIONS]} on"
    with pytest.raises(OptionError, match="no option data"):
        tapescan.replay_market(bare, where="iv_30 > 0")
