"""A symbol whose columns read a suspect bar is not ranked, from the day on which that can be known; a person may take
the bar as real, and a correction voids both."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

import tapescan
from tapescan.core.errors import OptionError, StoreError
from tapescan.features.plan import plan_features
from tapescan.history.stored import market_of_store
from tapescan.importing.importing import import_frames
from tapescan.market.eligibility import TRADED, WITHOUT_TRADE
from tapescan.scan.cross_section import observe
from tapescan.scan.profile import load_profile
from tapescan.scan.request import prepare
from tapescan.scan.result import ScanResult
from tapescan.screen.earlier import Look
from tapescan.simulation.market import simulate
from tapescan.store import Store
from tests.commands import one_line
from tests.commands import tapescan as command

SWING = load_profile("swing")
MARKET = simulate(symbols=300, sessions=420, seed=3)
DAYS = MARKET.bars["session"].unique().sort().to_list()
RANKED = tapescan.scan_market(MARKET).ranked
#: A symbol that a scan ranks high, and the day of its wrong close.
SYMBOL, DAY = RANKED["symbol"][0], DAYS[-40]


def wrong(day: dt.date = DAY, factor: float = 20.0) -> pl.DataFrame:
    here = (pl.col("symbol") == SYMBOL) & (pl.col("session") == day)
    close = pl.when(here).then(pl.col("close") * factor).otherwise("close")
    return MARKET.bars.with_columns(close=close, high=pl.max_horizontal("high", close))


def stored(folder: Path, bars: pl.DataFrame) -> Store:
    store = Store(folder / "store")
    import_frames(store, [bars.rename({"session": "date"}), MARKET.splits, MARKET.listing])
    return store


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return stored(tmp_path_factory.mktemp("faulty"), wrong())


def row(result: ScanResult) -> dict[str, object]:
    return result.frame.row(by_predicate=pl.col("symbol") == SYMBOL, named=True)


def contents(result: ScanResult) -> str:
    return f"{result.as_of} {result.coverage} {result.regime}\n{result.frame.write_csv()}"


def test_a_symbol_with_a_suspect_bar_is_not_ranked_and_has_no_plan(faulty: Store) -> None:
    result = tapescan.scan_market(faulty)
    found = row(result)
    assert (found["dropped"], found["rank"], found["entry"], found["shares"]) == ("suspect", None, None, None)
    assert result.coverage.dropped["suspect"] == 1
    assert result.coverage.requested == result.coverage.ranked + sum(result.coverage.dropped.values())


def test_the_bar_is_kept_and_readable(faulty: Store) -> None:
    bars = faulty.known().bars(adjust="none", symbols=[SYMBOL])
    own = wrong().filter(symbol=SYMBOL, session=DAY)
    assert bars.filter(session=DAY)["close"][0] == own["close"][0]


def test_only_what_columns_read_counts(faulty: Store) -> None:
    """The bar is the fortieth from the end: 39 bars do not reach it, nor do seven weeks of at most five."""
    market = tapescan.load_market(faulty)

    def dropped(*names: str, looks: tuple[Look, ...] = ()) -> str:
        section = observe(market, plan_features((*names, "close", TRADED, WITHOUT_TRADE)), looks)
        return str(section.excluded(SWING.filters).values[section.symbols.index(SYMBOL)])

    assert (dropped("sma_39"), dropped("sma_40")) == ("", "suspect")
    weekly = [prepare(SWING, where=f"weekly.sma_{weeks} > 0").looks for weeks in (7, 8)]
    assert [dropped("sma_20", looks=looks) for looks in weekly] == ["", "suspect"]


def test_it_counts_from_the_day_on_which_it_can_be_known(faulty: Store) -> None:
    found = {day: row(tapescan.scan_market(faulty, as_of=day))["dropped"] for day in DAYS[-41:-38]}
    assert [found[day] for day in sorted(found)] == ["", "suspect", "suspect"]


def test_no_later_day_is_looked_at(tmp_path: Path, faulty: Store) -> None:
    for day in (DAYS[-41], DAY, DAYS[-39]):
        (tmp_path / str(day)).mkdir()
        cut = stored(tmp_path / str(day), wrong().filter(pl.col("session") <= day))
        assert contents(tapescan.scan_market(faulty, as_of=day)) == contents(tapescan.scan_market(cut))


def test_a_loaded_market_says_the_same(faulty: Store) -> None:
    loaded = tapescan.load_market(faulty)
    assert contents(tapescan.scan_market(loaded)) == contents(tapescan.scan_market(faulty))
    assert loaded.suspects.select("symbol", "session", "reason").rows() == [(SYMBOL, DAY, "close")]


def test_a_scan_that_reads_few_bars_reads_their_neighbours(faulty: Store) -> None:
    few = market_of_store(faulty, DAYS[-38], span=4)
    assert few.panel.since(4).blocks[0].rows < len(few.panel.blocks[0].close) < len(DAYS)
    assert few.suspects_within(4).select("symbol", "session").rows() == [(SYMBOL, DAY)]


def test_the_simulated_market_is_judged_too() -> None:
    assert tapescan.load_market(MARKET).suspects.is_empty()
    marked = tapescan.load_market(replace(MARKET, bars=wrong())).suspects
    assert marked.select("symbol", "session", "reason").rows() == [(SYMBOL, DAY, "close")]


def test_an_explanation_names_the_bar_and_what_to_do(faulty: Store) -> None:
    found = tapescan.explain_symbol(SYMBOL, faulty)
    assert found.dropped == "a bar that its columns read is suspect"
    assert list(found.suspects) == [DAY]
    assert "its close is off by a factor" in found.suspects[DAY]
    assert found.to_dict()["suspects"] == {str(DAY): found.suspects[DAY]}
    told = command("show", SYMBOL, "--store", faulty.path).stdout
    assert f"{SYMBOL} {DAY}: its close is off by a factor from the bars on both sides" in told
    assert f"`tapescan doctor --accept {SYMBOL} {DAY}`" in told


def test_the_doctor_names_it(faulty: Store) -> None:
    found = tapescan.examine_store(faulty)
    assert found.suspects.select("symbol", "session", "reason").rows() == [(SYMBOL, DAY, "close")]
    assert found.defects["suspect bars"] == 1
    assert found.to_dict()["suspects"]["count"] == 1
    assert any(line.startswith(f"    {SYMBOL} {DAY}: its close is off") for line in found.lines())
    assert tapescan.examine_store(faulty, as_of=DAYS[-41]).suspects.is_empty()


def test_a_wrong_bar_of_the_index_is_told(tmp_path: Path) -> None:
    spy = MARKET.bars.filter(symbol=SYMBOL).with_columns(symbol=pl.lit("SPY"))
    here = pl.col("session") == DAY
    close = pl.when(here).then(pl.col("close") * 20.0).otherwise("close")
    store = stored(
        tmp_path, pl.concat([MARKET.bars, spy.with_columns(close=close, high=pl.max_horizontal("high", close))])
    )
    told = [note for note in tapescan.scan_market(store).notes if "index" in note]
    assert len(told) == 1
    assert told[0].startswith(f"the market index has a suspect bar: SPY {DAY}: ")


# --- taken as real --------------------------------------------------------------------------------------------


def test_an_accepted_bar_counts_until_it_is_corrected(tmp_path: Path) -> None:
    store = stored(tmp_path, wrong())
    taken = tapescan.accept_bars([(SYMBOL.lower(), str(DAY))], store)
    assert taken.select("symbol", "session", "reason").rows() == [(SYMBOL, DAY, "close")]
    result = tapescan.scan_market(store)
    assert (row(result)["dropped"], "suspect" in result.coverage.dropped) == ("", False)
    assert "accepted" in result.provenance["data"]["store"]
    assert tapescan.examine_store(store).suspects.is_empty()
    # Another wrong value of the same bar is another bar.
    import_frames(store, [wrong(factor=30.0).filter(symbol=SYMBOL).rename({"session": "date"})])
    assert row(tapescan.scan_market(store))["dropped"] == "suspect"
    # A right one needs nobody's word.
    import_frames(store, [MARKET.bars.filter(symbol=SYMBOL).rename({"session": "date"})])
    assert row(tapescan.scan_market(store))["dropped"] == ""
    assert tapescan.examine_store(store).suspects.is_empty()


def test_a_split_after_it_does_not_void_what_was_accepted(tmp_path: Path) -> None:
    """It is bound to the bar as it is stored, and not to the share basis of a day."""
    store = stored(tmp_path, wrong())
    tapescan.accept_bars([(SYMBOL, DAY)], store)
    import_frames(store, [pl.DataFrame({"symbol": [SYMBOL], "ex_date": [DAYS[-20]], "ratio": [3.0]})])
    assert DAY not in tapescan.load_market(store).suspects.filter(symbol=SYMBOL)["session"].to_list()


def test_an_accepted_bar_stays_so_when_its_symbol_changes(tmp_path: Path) -> None:
    bars = wrong()
    store = stored(tmp_path, bars.filter(pl.col("session") < DAYS[-1]))
    tapescan.accept_bars([(SYMBOL, DAY)], store)
    changed = pl.DataFrame({"new_symbol": ["NEWQ"], "old_symbol": [SYMBOL], "date": [DAYS[-1]]})
    last = bars.filter(session=DAYS[-1]).with_columns(pl.col("symbol").replace(SYMBOL, "NEWQ"))
    tapescan.import_bars(last, changed, store=store)
    market = tapescan.load_market(store)
    assert "NEWQ" in market.panel.symbols
    assert market.suspects.is_empty()
    # Accepted under the new symbol, it is so, too.
    other = stored(tmp_path / "other", bars.filter(pl.col("session") < DAYS[-1]))
    tapescan.import_bars(last, changed, store=other)
    tapescan.accept_bars([("NEWQ", DAY)], other)
    assert tapescan.load_market(other).suspects.is_empty()


def test_all_bars_are_accepted_or_none(tmp_path: Path) -> None:
    store = stored(tmp_path, wrong())
    cases = {
        "NOPE": (DAY, "no symbol 'NOPE'"),
        SYMBOL: (DAYS[-30], f"the bar of {SYMBOL} of {DAYS[-30]} is not suspect"),
        SYMBOL.lower(): (dt.date(2025, 12, 25), f"{SYMBOL} has no bar of 2025-12-25"),
    }
    for symbol, (day, told) in cases.items():
        with pytest.raises(OptionError, match=told) as error:
            tapescan.accept_bars([(SYMBOL, DAY), (symbol, day)], store)
        assert error.value.field == "accept"
    assert "accepted" not in store.versions()
    with pytest.raises(StoreError, match="holds no bars"):
        tapescan.accept_bars([(SYMBOL, DAY)], Store(tmp_path / "nothing"))


def test_the_command_line_accepts_and_refuses(tmp_path: Path) -> None:
    other = RANKED["symbol"][1]
    both = wrong().with_columns(
        low=pl.when((pl.col("symbol") == other) & (pl.col("session") == DAY))
        .then(pl.col("low") / 50.0)
        .otherwise("low")
    )
    doctor = ("doctor", "--store", stored(tmp_path, both).path)
    assert "give a symbol and a day" in one_line(command(*doctor, "--accept", SYMBOL))
    assert "give a symbol and a day" in one_line(command(*doctor, str(DAY)))
    assert "--accept: 'today' is no date" in one_line(command(*doctor, "--accept", SYMBOL, "today"))
    assert "is not suspect" in one_line(command(*doctor, "--accept", SYMBOL, str(DAYS[-30])))
    done = command(*doctor, "--accept", SYMBOL, str(DAY), "--accept", other, str(DAY))
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 2)
    assert "is not suspect, or accepted already" in one_line(command(*doctor, "--accept", other, str(DAY)))
    assert "suspect bars: none" in command(*doctor).stdout
