"""Samples do not hang on how the work is cut up; the index; what is left on the disk, and what is said."""

from __future__ import annotations

import datetime as dt
import pickle
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tapescan.core.errors import InputError, StoreError
from tapescan.history.history import history_of, market_index
from tapescan.history.stored import market_of_store
from tapescan.market import calendar
from tapescan.models.samples import build, runs
from tapescan.models.samples.block import block_samples
from tapescan.models.samples.build import build_samples
from tapescan.models.samples.samples import Universe
from tapescan.store import Store
from tests.conftest import random_bars
from tests.models.stores import DAY, LOOSE, day_number, keys, same

# --- however the work is cut up -------------------------------------------------------------------------------


def test_chunks_threads_and_merging_change_no_value(whole: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = build_samples(whole, every=4, filters=LOOSE)
    assert len(reference) > 3000
    places = list(zip(reference.session.tolist(), reference.symbol.tolist(), strict=True))
    assert places == sorted(set(places))
    assert reference.values.dtype == np.float32
    monkeypatch.setattr(runs, "MERGED", 5000)
    same(build_samples(whole, every=4, filters=LOOSE, chunk=17), reference)
    monkeypatch.setenv("TAPESCAN_THREADS", "1")
    monkeypatch.setattr(build, "LANES", 5)
    same(build_samples(whole, every=4, filters=LOOSE), reference)


def test_a_block_travels_and_is_done_again_with_the_same_bytes(whole: Store, tmp_path: Path) -> None:
    """As on an engine whose machines come and go."""
    data = history_of(whole, None)
    names, day = ("ret_5", "rsi_14"), data.end
    sampled = build.sampled_sessions(data.first, day, 4)
    job = build._job(data, names, (5,), LOOSE, sampled, "equal-weighted")
    places = runs.Runs(tmp_path, sampled, len(names), 1)
    basis = next(iter(data.bases(list(job.wanted))))
    raw = data.stamped(list(job.wanted))
    seen = build._behind(raw).with_columns(factor=2.0).head(3)
    piece = build._pieces(places, job, basis, market_index(data, 1000), data.suspects(basis.bars, None), seen)[0]
    first = block_samples(piece)
    assert first is not None
    written = first.path.read_bytes()
    again = block_samples(pickle.loads(pickle.dumps(piece)))  # noqa: S301 (our own bytes)
    assert again is not None
    assert (again.path, again.begins.tolist()) == (first.path, first.begins.tolist())
    assert again.path.read_bytes() == written
    assert len(written) > 1000
    assert [path.name for path in tmp_path.iterdir()] == [first.path.name]


def test_every_and_start_choose_among_the_same_samples(whole: Store) -> None:
    wanted = ["rsi_14", "beta_63"]
    daily = build_samples(whole, every=1, filters=LOOSE, features=wanted)
    rare = build_samples(whole, every=5, filters=LOOSE, features=wanted, start=DAY)
    chosen = np.unique(rare.session)
    sessions = calendar.sessions(calendar.EARLIEST, dt.date(2025, 12, 31))
    assert (np.diff(np.searchsorted(sessions, chosen)) == 5).all()
    assert chosen[0] >= day_number(DAY)
    assert len(chosen) > 20
    kept = np.isin(daily.session, chosen)
    np.testing.assert_array_equal(daily.values[kept], rare.values)
    np.testing.assert_array_equal(daily.forward[10][kept], rare.forward[10])


def test_a_frame_of_bars_is_as_good_as_a_store(whole: Store) -> None:
    ours = build_samples(whole.known().bars(), every=5, filters=LOOSE, features=["ret_21", "beta_63"])
    theirs = build_samples(whole, every=5, filters=LOOSE, features=["ret_21", "beta_63"])
    # Without a listing types are told by the symbols' form, and prices as quoted are not known.
    common = {*keys(ours)} & {*keys(theirs)}
    assert len(common) > 0.8 * len(theirs)
    of_frame = dict(zip(keys(ours), ours.values.tolist(), strict=True))
    of_store = dict(zip(keys(theirs), theirs.values.tolist(), strict=True))
    np.testing.assert_array_equal([of_frame[k] for k in sorted(common)], [of_store[k] for k in sorted(common)])


# --- the market index -----------------------------------------------------------------------------------------


def test_the_equal_weighted_index_is_that_of_a_scan(whole: Store) -> None:
    data = history_of(whole, None)
    expected = market_of_store(whole).panel.index
    for chunk in (7, 1000):
        found = market_index(data, chunk)
        assert found.name == expected.name == "equal-weighted"
        np.testing.assert_array_equal(found.session, expected.session)
        np.testing.assert_array_equal(found.change, expected.change)


def test_spy_is_the_index_where_it_is_there_and_no_sample() -> None:
    bars = random_bars(symbols=5, sessions=400, seed=4)
    whole = ["S001", "S002", "S004"]
    spy = bars.filter(pl.col("symbol") == "S001").with_columns(symbol=pl.lit("SPY"))
    bars = pl.concat([bars.filter(pl.col("symbol").is_in(whole)), spy])
    every_type = Universe(0.0, 0.0, 100, ("common", "unknown", "fund"))
    samples = build_samples(bars, filters=every_type, features=["beta_252"])
    assert samples.provenance["market_index"] == "SPY"
    assert samples.symbols == tuple(whole)
    mine = samples.values[np.asarray(samples.symbol) == 0, 0]
    np.testing.assert_allclose(mine[~np.isnan(mine)], 1.0, rtol=1e-6)
    # What single symbols have beyond the others does not take their index away.
    beyond = bars.filter(pl.col("symbol") == "S001").tail(1).with_columns(pl.col("session") + pl.duration(days=3))
    later = build_samples(pl.concat([bars, beyond]), filters=every_type, features=["ret_5"])
    assert later.provenance["market_index"] == "SPY"
    # One that ends early is no index for today.
    stale = bars.filter((pl.col("symbol") != "SPY") | (pl.col("session") < bars["session"].max()))
    assert build_samples(stale, filters=every_type, features=["ret_5"]).provenance["market_index"] == "equal-weighted"


# --- files and errors -----------------------------------------------------------------------------------------


def test_nothing_is_left_behind_but_what_was_asked_for(
    whole: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch, folder = tmp_path / "scratch", tmp_path / "columns"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    dropped = build_samples(whole, every=5, filters=LOOSE, features=["ret_5"])
    assert list(scratch.iterdir()) == []
    kept = build_samples(whole, every=5, filters=LOOSE, features=["ret_5"], folder=folder)
    same(kept, dropped)
    names = {"session", "symbol", "dollar_volume", "values", "forward_5", "forward_10"}
    assert {path.name for path in folder.iterdir()} == {f"{name}.npy" for name in names}
    np.testing.assert_array_equal(np.load(folder / "values.npy"), kept.values)
    with pytest.raises(InputError, match="not empty"):
        build_samples(whole, every=5, filters=LOOSE, folder=folder)


def test_progress_reaches_the_number_of_symbols(whole: Store) -> None:
    told: list[tuple[int, int]] = []
    samples = build_samples(
        whole,
        filters=LOOSE,
        features=["ret_5"],
        chunk=50,
        progress=lambda done, total, _what: told.append((done, total)),
    )
    total = len(samples.symbols)
    assert told == [*((done, total) for done in range(0, total, 50)), (total, total)]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"features": ["sma_20"]}, "a model cannot take 'sma_20'"),
        ({"features": ["rsi_14", "nonsense"]}, "unknown feature 'nonsense'"),
        ({"features": []}, "at least one feature"),
        ({"horizons": ()}, "horizons"),
        ({"horizons": (0,)}, "horizons"),
        ({"every": 0}, "every is 0"),
        ({"chunk": 0}, "chunk is 0"),
        ({"end": dt.date(2001, 1, 1)}, "2001-01-01 lies before the first bar"),
        ({"start": dt.date(2030, 1, 1)}, "no session is sampled"),
        ({"filters": Universe(min_price=1e9)}, "no symbol passes the filters"),
        ({"filters": Universe(min_bars=10_000)}, "no symbol passes the filters"),
        ({"filters": Universe(types=("index",))}, "no symbol passes the filters"),
    ],
)
def test_what_cannot_be_is_said(whole: Store, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        build_samples(whole, **asked)


def test_no_bars_and_no_room_are_store_errors(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no bars"):
        build_samples(Store(tmp_path / "nothing"))
    (tmp_path / "file").write_text("not a folder")
    bars = random_bars(symbols=3, sessions=300, seed=1)
    with pytest.raises(StoreError, match="cannot use the folder"):
        build_samples(bars, folder=tmp_path / "file")
