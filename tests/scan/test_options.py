"""Option columns of a scan: the session's rows, and their place among the sessions before."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tapescan.api import explain_symbol, load_market, scan_market
from tapescan.core.errors import ScreenError
from tapescan.history.option_rows import option_rows
from tapescan.importing.importing import import_frames
from tapescan.scan.profile import load_profile, profile_names
from tapescan.scan.result import ScanResult
from tapescan.store import Store
from tests.commands import one_line, tapescan
from tests.conftest import random_bars
from tests.scan.option_features import option_features, store_rows

SESSIONS = 70

#: The digest of the profile `swing` before there were options.
SWING = "08334333187b152f"
WHERE = "iv_percentile_252 > 80 AND vrp_20 > 0 AND spread_atm < 0.05"


def values(symbol: str, number: int) -> dict[str, float | None]:
    """Volatilities that move apart, one of them unknown now and then."""
    turn = int(symbol[1:])
    iv = 0.4 + 0.2 * np.sin(0.3 * number + turn) + 0.002 * number * (turn % 3)
    return {
        "iv_30": None if turn % 5 == 4 and number % 3 == 0 else float(iv),
        "option_volume": 100.0 + 10.0 * turn + number,
        "spread_atm": 0.02 + 0.01 * (turn % 6),
        "gex": 1e6 * turn,
        "skew_25d_30": 0.01 * turn,
    }


def days_of(store: Store) -> list[dt.date]:
    return store.known().sessions.to_list()


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Sixty symbols without options."""
    store = Store(tmp_path_factory.mktemp("options") / "bare")
    import_frames(store, [random_bars(symbols=60, sessions=300, seed=5)])
    return store


@pytest.fixture(scope="module")
def store(bare: Store) -> Store:
    """Thirty of them with options on the last seventy sessions."""
    found = Store(Path(bare.path).with_name("store"))
    shutil.copytree(bare.path, found.path)
    names = [f"S{number:03d}" for number in range(30)]
    store_rows(found, option_features(names, days_of(found)[-SESSIONS:], values))
    return found


def past_of(store: Store, symbol: str, until: dt.date) -> list[float]:
    """All known volatilities of a symbol up to a day, oldest first."""
    rows = store.known().read("option_features").filter(pl.col("session") <= until, symbol=symbol).sort("session")
    return rows["iv_30"].drop_nulls().to_list()


def test_rank_and_percentile_are_those_of_a_plain_loop(store: Store) -> None:
    result = scan_market(store, features=["iv_30", "iv_rank_252", "iv_percentile_252", "iv_sessions_252"])
    checked = 0
    for row in result.frame.iter_rows(named=True):
        past = past_of(store, row["symbol"], result.as_of)
        now = row["iv_30"]
        assert (row["iv_sessions_252"] or 0) == len(past)
        if now is None or len(past) < 60:
            assert row["iv_rank_252"] is None
            assert row["iv_percentile_252"] is None
            continue
        assert now == past[-1]
        low, high = min(past), max(past)
        assert row["iv_rank_252"] == pytest.approx(100.0 * (now - low) / (high - low))
        assert row["iv_percentile_252"] == pytest.approx(100.0 * sum(one < now for one in past) / len(past))
        checked += 1
    assert checked > 20


def test_the_window_has_so_many_sessions(store: Store) -> None:
    days = days_of(store)
    rows = option_features(["S000"], days[-260:], lambda _, number: {"iv_30": 9.0 if number < 8 else 0.1 + number})
    own, past = rows.filter(session=days[-1]), rows.select("symbol", "session", "iv_30", "option_volume")
    found = option_rows(["S000", "S001"], own, past, days[-1])
    # The nines lie before it.
    assert found.select("iv_rank_252", "iv_sessions_252").rows() == [(100.0, 252.0), (None, None)]
    assert found["iv_percentile_252"][0] == pytest.approx(100.0 * 251 / 252)


def test_volume_is_compared_with_that_of_the_sessions_before(store: Store) -> None:
    result = scan_market(store, features=["option_volume_ratio_20", "option_volume"])
    row = result.frame.filter(symbol="S003").row(0, named=True)
    usual = np.mean([130.0 + number for number in range(SESSIONS - 21, SESSIONS - 1)])
    assert row["option_volume_ratio_20"] == pytest.approx((130.0 + SESSIONS - 1) / usual)


def test_columns_made_with_features_are_of_both(store: Store) -> None:
    names = ["iv_30", "realised_volatility_20", "yang_zhang_20", "vrp_20", "vrp_yz_20", "iv_hv_ratio"]
    rows = scan_market(store, features=names).ranked.drop_nulls(names)
    assert len(rows) > 10
    assert (rows["vrp_20"] == rows["iv_30"] - rows["realised_volatility_20"]).all()
    assert (rows["vrp_yz_20"] == rows["iv_30"] - rows["yang_zhang_20"]).all()
    assert (rows["iv_hv_ratio"] == rows["iv_30"] / rows["realised_volatility_20"]).all()


def test_a_scan_of_a_past_day_is_that_of_a_store_cut_there(store: Store, bare: Store, tmp_path: Path) -> None:
    days = days_of(store)
    day = days[-6]
    cut = Store(tmp_path / "cut")
    import_frames(cut, [bare.known().bars().filter(pl.col("session") <= day)])
    store_rows(cut, store.known().read("option_features").filter(pl.col("session") <= day))

    def scanned(data: Store, as_of: dt.date | None = None) -> ScanResult:
        names = ["iv_rank_252", "option_volume_ratio_20", "vrp_20", "gex"]
        return scan_market(data, as_of=as_of, where="iv_percentile_252 >= 0", features=names)

    past, then = scanned(store, day), scanned(cut)
    assert past.coverage.ranked > 10
    assert past.frame.write_csv() == then.frame.write_csv()
    # And not that of the newest day.
    assert past.frame.write_csv() != scanned(store).frame.write_csv()


def test_rows_of_another_session_are_not_used(store: Store, tmp_path: Path) -> None:
    days = days_of(store)
    late = Store(tmp_path / "late")
    import_frames(late, [store.known().bars()])
    store_rows(late, store.known().read("option_features").filter(pl.col("session") < days[-1]))
    result = scan_market(late, features=["iv_30"])
    assert result.frame["iv_30"].null_count() == len(result.frame)
    assert f"the newest options are of {days[-2]}, so that nothing is known of options on {days[-1]}" in result.notes
    assert scan_market(late, as_of=days[-2], features=["iv_30"]).frame["iv_30"].null_count() < len(result.frame)
    # Before the first of them there is no option data at all.
    with pytest.raises(ScreenError, match="no option data in this store"):
        scan_market(late, as_of=days[-SESSIONS - 3], where="iv_30 > 0")


def test_a_market_that_is_kept_has_what_was_read(store: Store) -> None:
    features = ["iv_rank_252", "iv_30", "skew_25d_30"]
    first = scan_market(store, features=features)  # keeps it
    again = scan_market(store, features=features)
    loaded = scan_market(load_market(store), features=features)
    assert first.frame.write_csv() == again.frame.write_csv() == loaded.frame.write_csv()


def test_a_market_in_memory_takes_what_came(store: Store, tmp_path: Path) -> None:
    days, own = days_of(store), Store(tmp_path / "grown")
    import_frames(own, [store.known().bars()])
    rows = store.known().read("option_features")
    store_rows(own, rows.filter(pl.col("session") < days[-1]))
    market = load_market(own)
    store_rows(own, rows.filter(pl.col("session") == days[-1]))
    market = market.refresh()
    found, read = (
        scan_market(data, where="iv_percentile_252 > 20", features=["iv_rank_252"]) for data in (market, store)
    )
    assert found.frame.write_csv() == read.frame.write_csv()


def test_a_market_without_options_says_so_and_is_unchanged(store: Store, bare: Store) -> None:
    plain = scan_market(bare)
    assert scan_market(store).frame.write_csv() == plain.frame.write_csv()
    assert scan_market(store).notes == plain.notes
    shown = scan_market(bare, features=["iv_30", "vrp_20"])
    assert shown.frame["vrp_20"].null_count() == len(shown.frame)
    assert "iv_30, vrp_20: unknown for every symbol of this market, which holds no option data" in shown.notes


def test_what_hangs_on_options_is_refused_without_them(bare: Store) -> None:
    done = tapescan("scan", "--store", bare.path, "--where", WHERE)
    assert one_line(done).startswith("tapescan: --where: no option data in this store, of which iv_percentile_252")
    done = tapescan("scan", "--store", bare.path, "--rank-by", "iv_rank_252 desc")
    assert one_line(done).startswith("tapescan: --rank-by: no option data in this store, of which iv_rank_252")


def test_a_screen_over_options(store: Store) -> None:
    done = tapescan("scan", "--store", store.path, "--where", WHERE, "--features", "gex", "--format", "json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert rows
    for row in rows:
        assert row["iv_percentile_252"] > 80.0
        assert row["vrp_20"] > 0.0
        assert row["spread_atm"] < 0.05
        past = past_of(store, row["symbol"], days_of(store)[-1])
        assert len(past) >= 60
        assert 100.0 * sum(one < past[-1] for one in past) / len(past) > 80.0
    assert "gex assumes that dealers are long all calls and short all puts" in done.stderr


def test_show_prints_what_is_known_of_options(store: Store, bare: Store) -> None:
    said = tapescan("show", "S003", "--store", store.path, width=400).stdout
    found = explain_symbol("S003", store).options
    assert f"iv_30 {found['iv_30']:,.4g}" in said
    assert f"iv_percentile_252 {found['iv_percentile_252']:,.4g}" in said
    assert "gex assumes that dealers are long all calls" in said
    assert "Options:" not in tapescan("show", "S003", "--store", bare.path, width=400).stdout
    assert "options" not in explain_symbol("S003", bare).to_dict()


def test_before_sixty_sessions_rank_and_percentile_are_unknown_and_the_result_says_why(store: Store) -> None:
    early = days_of(store)[-SESSIONS + 58]
    result = scan_market(store, as_of=early, features=["iv_rank_252", "iv_percentile_252", "iv_sessions_252"])
    assert result.frame["iv_rank_252"].null_count() == len(result.frame)
    assert result.frame["iv_sessions_252"].max() == 59.0
    note = "iv_rank_252, iv_percentile_252: unknown for every symbol before 60 sessions with options"
    assert f"{note}, of which there are 59" in result.notes
    assert all("before 60 sessions" not in one for one in scan_market(store, features=["iv_rank_252"]).notes)


def test_the_order_of_symbols_and_their_company_change_no_bytes(store: Store) -> None:
    rows, day = store.known().read("option_features"), days_of(store)[-1]

    def of(symbols: Sequence[str]) -> pl.DataFrame:
        some = rows.filter(pl.col("symbol").is_in([*symbols]))
        past = some.select("symbol", "session", "iv_30", "option_volume")
        return option_rows(symbols, some.filter(session=day), past, day)

    names = [f"S{number:03d}" for number in range(30)]
    whole = of(names)
    assert of(names[::-1]).equals(whole[::-1])
    for place, name in enumerate(names):
        assert of([name]).equals(whole[place])


class TestFactor:
    """Computed where somebody asks for it."""

    @pytest.fixture
    def weighed(self, tmp_path: Path) -> str:
        path = tmp_path / "weighed.toml"
        weights = "[weights]\nmomentum = 1\noptions = 1\n[filters]\nmin_dollar_volume = 0\n"
        path.write_text(f'title = "Options"\n{weights}')
        return str(path)

    def test_a_weight_brings_it_into_the_score(self, store: Store, weighed: str) -> None:
        result = scan_market(store, profile=weighed)
        ranked = result.ranked.drop_nulls("factor_options")
        assert len(ranked) > 10
        assert result.provenance["weights"] == {"momentum": 0.5, "options": 0.5}
        parts = result.ranked["score_momentum"] + result.ranked["score_options"]
        assert (parts - result.ranked["score"]).abs().max() < 1e-9  # type: ignore[operator]
        # Those without options are in the middle.
        assert (result.ranked.filter(pl.col("factor_options").is_null())["score_options"] == 25.0).all()
        views = {one.name: one for one in explain_symbol(ranked["symbol"][0], store, profile=weighed).factors}
        assert views["options"].points == ranked["score_options"][0]
        told = [words for words, text in views["options"].terms if text is not None]
        assert told == ["skew, put less call", "implied to realised volatility"]

    def test_a_name_shows_it(self, store: Store) -> None:
        shown = scan_market(store, features=["factor_options"]).frame
        assert shown["factor_options"].count() > 10
        assert len(scan_market(store, where="factor_options > 0").ranked) > 3
        assert not {"factor_options", "score_options"} & {*scan_market(store).frame.columns}

    def test_profiles_of_before_keep_their_digests(self, weighed: str) -> None:
        assert load_profile("swing").digest == SWING
        assert load_profile(weighed).digest != SWING
        assert all(load_profile(name).weights.factors()["options"] == 0.0 for name in profile_names())

    def test_without_options_its_weight_goes_to_the_others(self, bare: Store, weighed: str) -> None:
        result = scan_market(bare, profile=weighed)
        assert result.provenance["weights"] == {"momentum": 1.0}
        note = "options: unknown for every symbol of this market, which holds no option data"
        assert f"{note}; the score is made of the profile's other factors" in result.notes
