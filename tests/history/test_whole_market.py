"""A market is read some symbols at a time, which changes no byte of it and keeps its first scan small."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import tapescan
from benchmarks.first_scan import LIMIT, Found, control_group
from tapescan.core.files import user_cache
from tapescan.history import stored, whole_market
from tapescan.history.stored import Held, held_of_store
from tapescan.history.whole_market import symbols_in_parts
from tapescan.market.panel import COLUMNS
from tapescan.store import Store
from tapescan.store.fetched import Step
from tests.commands import ROOT
from tests.history.keeping_files.kept import BARS, DAYS, market_rows


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """With splits, a ticker of two companies, a suspect bar, a rename, and a company that has no symbol any more."""
    made = Store(tmp_path_factory.mktemp("whole") / "store")
    made.add(market_rows(), "test", step=Step("a", 1))
    renamed = pl.DataFrame({"symbol": ["S021"], "former": ["S020"], "ex_date": [DAYS[300]]})
    tapescan.import_bars(renamed, store=made.path)
    return made


def held(store: Store, part: int, monkeypatch: pytest.MonkeyPatch, span: int | None, adjust: str) -> Held:
    monkeypatch.setattr(whole_market, "PART", part)
    return held_of_store(store, store.known(), span=span, adjust=adjust)  # type: ignore[arg-type]


@pytest.mark.sampled(one_in=3)
@pytest.mark.parametrize(("span", "adjust"), [(None, "splits"), (60, "splits"), (None, "total"), (None, "none")])
@pytest.mark.parametrize("part", [1, 5_000])
def test_parts_give_the_bytes_of_the_whole(
    store: Store, monkeypatch: pytest.MonkeyPatch, part: int, span: int | None, adjust: str
) -> None:
    at_once, in_parts = (held(store, some, monkeypatch, span, adjust) for some in (10**9, part))
    for mine, other in zip(at_once.panel.blocks, in_parts.panel.blocks, strict=True):
        for name in (*COLUMNS, "first"):
            assert getattr(mine, name).tobytes() == getattr(other, name).tobytes(), name
    assert at_once.panel.symbols == in_parts.panel.symbols
    assert at_once.panel.index.change.tobytes() == in_parts.panel.index.change.tobytes()
    assert np.array_equal(at_once.panel.index.session, in_parts.panel.index.session)
    for name in ("dated", "lives", "judged"):
        assert getattr(at_once, name).equals(getattr(in_parts, name)), name
    assert at_once.stamped == in_parts.stamped
    if span is None:  # what the comparison is of is there
        assert "S004" in at_once.lives["symbol"]
        assert "S005" in at_once.judged["symbol"]
        assert store.known().spans["nameless"].drop_nulls().to_list() == [f"S021\x02{DAYS[300]}"]


def test_each_symbol_is_in_one_part(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_market, "PART", 5_000)
    known = store.known()
    parts = [part or [] for part in symbols_in_parts(known, known.newest())]
    assert [symbol for part in parts for symbol in part] == known.newest()["symbol"].to_list()
    assert len(parts) == -(-known.newest()["bars"].sum() // 5_000)
    monkeypatch.setattr(whole_market, "PART", len(BARS))
    assert list(symbols_in_parts(known, known.newest())) == [None]


def test_a_market_with_an_index_of_its_own_reads_no_other(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    spy = BARS.filter(pl.col("symbol") == "S059").with_columns(symbol=pl.lit("SPY"))
    mine = Store(Path(store.path).with_name("with-spy"))
    mine.add({"bars": pl.concat([BARS, spy])}, "test", step=Step("a", 1))
    monkeypatch.setattr(stored, "index_of_store", None)
    assert held(mine, 5_000, monkeypatch, None, "splits").panel.index.name == "SPY"


def can_limit() -> bool:
    """Whether this machine lets us make a control group."""
    try:
        with control_group(int(LIMIT)):
            return True
    except SystemExit:
        return False


@pytest.mark.long
def test_scans_of_a_store_stay_below_their_limit(tmp_path: Path) -> None:
    """8,500 symbols, two years: the first one took 770 MiB before it was read in parts."""
    there = tmp_path / "store"
    # In processes of their own: what this one holds counts among the peaks of those that it starts.
    prepare = "import sys; from benchmarks.first_scan import prepared; prepared(sys.argv[1])"
    measure = (
        "import json, sys; from benchmarks.first_scan import measured; "
        "print(json.dumps([one._asdict() for one in measured(sys.argv[1], sys.argv[2], int(sys.argv[3]))]))"
    )
    limit = int(LIMIT) if can_limit() else 0
    for code in (prepare, measure):
        command = [sys.executable, "-c", code, str(there), str(user_cache()), str(limit)]
        done = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True)
    found = {one["what"]: Found(**one) for one in json.loads(done.stdout)}
    assert len(found) == 4
    assert not [one for one in found.values() if one.said]
    # The rest is for pages of files, which the system takes back. The first takes the most.
    assert max(one.anonymous for one in found.values()) < LIMIT - 64
    if limit:  # what takes more is killed
        assert 0.0 < max(one.group for one in found.values()) <= LIMIT
    else:
        assert max(one.peak for one in found.values()) < LIMIT + 48
