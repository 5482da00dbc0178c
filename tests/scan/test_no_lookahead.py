"""No look-ahead: a scan as of D equals, byte for byte, a scan of a store that ends at D."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from tapescan.api import load_market, scan_market
from tapescan.fundamentals.ratios import RATIOS
from tapescan.importing.importing import import_files
from tapescan.scan.result import ScanResult
from tapescan.simulation.market import simulate
from tapescan.store import Store
from tapescan.store.fetched import Step
from tests.conftest import REAL, SHARED
from tests.scan.statements import facts_of


def frames_of_simulation() -> dict[str, pl.DataFrame]:
    market = simulate(symbols=500, sessions=420, seed=3)
    return {"bars": market.bars, "splits": market.splits, "dividends": market.dividends, "listing": market.listing}


def frames_of_real_market() -> dict[str, pl.DataFrame]:
    bars = pl.read_parquet(REAL)
    some = bars["symbol"].unique().sort().gather_every(8)
    return {
        "bars": pl.concat(
            [
                bars.filter(pl.col("symbol").is_in(some.implode())),
                pl.read_parquet(SHARED / "daily_benchmarks_2016_2025.parquet").filter(
                    pl.col("date") >= bars["date"].min()
                ),
            ]
        ),
        "splits": pl.read_parquet(SHARED / "splits_2015_2025.parquet"),
        "listing": pl.read_parquet(SHARED / "universe_us_20260821.parquet"),
    }


def store_of(folder: Path, frames: dict[str, pl.DataFrame], until: dt.date | None) -> Store:
    """A store of the frames, with nothing dated after `until` in it."""
    folder.mkdir()
    paths = []
    for name, frame in frames.items():
        date = next((c for c in ("session", "date", "ex_date", "as_of") if c in frame.columns), None)
        kept = frame if until is None or date is None else frame.filter(pl.col(date) <= until)
        paths.append(folder / f"{name}.parquet")
        kept.write_parquet(paths[-1])
    store = Store(folder / "store")
    import_files(store, paths)
    return store


def contents(result: ScanResult) -> str:
    return f"{result.as_of} {result.coverage} {result.regime}\n{result.frame.write_csv()}"


def frames_of_changes() -> dict[str, pl.DataFrame]:
    """The simulated market with symbols that change, a reused ticker, wrong bars, and listings of several days; some
    of each before and some after `CHANGES_DAY`."""
    frames = frames_of_simulation()
    bars, listing = frames["bars"], frames["listing"]
    whole = bars.group_by("symbol").len().filter(len=420)["symbol"].sort()
    days = bars.filter(symbol=whole[0])["session"].sort()
    names = [name for name in whole if name.isalpha() and len(name) == 5 and name[4] not in "WURMNOPYX"]
    at = [days[-120], days[-40], days[-100], days[-20]]
    changes = pl.DataFrame(
        {"symbol": ["NEWA", "NEWB", "NEWC", "NEWD"], "ex_date": at, "former": names[:4]},
        schema_overrides={"ex_date": pl.Date},
    )
    renamed = bars.join(changes, left_on="symbol", right_on="former", how="left", maintain_order="left")
    new = pl.col("session") >= pl.col("ex_date")
    # The third's vendor gave its whole history under the new symbol.
    new |= pl.col("symbol") == names[2]
    bars = renamed.with_columns(symbol=pl.when(new).then("symbol_right").otherwise("symbol")).select(bars.columns)
    for name, first, last in ((names[4], -130, -80), (names[5], -75, -25)):  # a break, and another price
        paused = (pl.col("symbol") == name) & pl.col("session").is_between(days[first], days[last], closed="left")
        later = (pl.col("symbol") == name) & (pl.col("session") >= days[last])
        bars = bars.filter(~paused).with_columns(
            pl.when(later).then(pl.col(column) * 4.0).otherwise(column).alias(column)
            for column in ("open", "high", "low", "close")
        )
    for name, day in ((names[6], -90), (names[7], -61), (names[7], -60), (names[8], -10)):
        wrong = (pl.col("symbol") == name) & (pl.col("session") == days[day])
        bars = bars.with_columns(high=pl.when(wrong).then(pl.col("high") * 12.0).otherwise("high"))
    oldest = listing.with_columns(as_of=pl.lit(days[0]))
    others = [
        listing.filter(pl.col("symbol").is_in(names[9 + at : 29 + at])).with_columns(
            sector=pl.lit(sector), as_of=pl.lit(days[day])
        )
        for at, day, sector in ((0, -110, "Energy"), (10, -50, "Materials"), (5, -15, "Utilities"))
    ]
    return frames | {"bars": bars, "listing": pl.concat([oldest, *others]), "renames": changes}


CHANGES_DAY = dt.date(2025, 9, 30)


@pytest.mark.parametrize(
    ("make", "day"),
    [
        pytest.param(frames_of_simulation, dt.date(2025, 6, 30), id="simulated"),
        pytest.param(frames_of_changes, CHANGES_DAY, id="what changes"),
        pytest.param(
            frames_of_real_market,
            dt.date(2025, 1, 10),
            id="real",
            marks=pytest.mark.skipif(
                not REAL.exists(), reason=f"{REAL} is not there: no look-ahead was not checked on the real market"
            ),
        ),
    ],
)
def test_a_past_scan_is_the_scan_of_that_day(make: object, day: dt.date, tmp_path: Path) -> None:
    assert callable(make)
    frames = make()
    whole = store_of(tmp_path / "whole", frames, None)
    cut = store_of(tmp_path / "cut", frames, day)
    asked = {"features": "all", "where": "rsi_14 < 70", "profile": "swing_aggressive"}
    then = scan_market(whole, as_of=day, **asked)  # type: ignore[arg-type]
    assert contents(then) == contents(scan_market(cut, **asked))  # type: ignore[arg-type]
    assert then.coverage.ranked > 20
    assert contents(scan_market(whole, **asked)) != contents(then)  # type: ignore[arg-type]


def test_each_kind_of_change_shows_from_its_day(tmp_path: Path) -> None:
    """What `frames_of_changes` plants is there on the day, and what comes later is there at the end."""
    frames = frames_of_changes()
    store = store_of(tmp_path / "s", frames, None)
    then, now = load_market(store, as_of=CHANGES_DAY), load_market(store)
    new, former = frames["renames"]["symbol"].to_list(), frames["renames"]["former"].to_list()
    traded = [set(market.panel.symbols) for market in (then, now)]
    assert [name in traded[0] for name in new] == [True, False, True, False]
    assert [name in traded[0] for name in former] == [False, True, False, True]
    assert set(new) <= traded[1]
    assert not set(former) & traded[1]
    bars = [dict(market.universe.select("symbol", "bars").rows()) for market in (then, now)]
    assert {bars[1][name] for name in new} == {420}
    assert [sum("history begins anew" in note for note in market.notes) for market in (then, now)] == [1, 1]
    assert len(set(then.suspects["symbol"])) < len(set(now.suspects["symbol"]))
    sectors = [set(market.universe["sector"]) for market in (then, now)]
    assert "Energy" in sectors[0]
    assert then.universe.select("symbol", "sector").rows() != now.universe.select("symbol", "sector").rows()


def test_statements_count_from_the_session_after_they_were_filed(tmp_path: Path) -> None:
    """Also with splits, restatements and delistings that came later: a scan of D is a scan of what was there on D."""
    frames = frames_of_simulation()
    whole, day = store_of(tmp_path / "whole", frames, None), dt.date(2025, 6, 30)
    cut = store_of(tmp_path / "cut", frames, day)
    symbols = [symbol for symbol in frames["listing"]["symbol"] if len(symbol) <= 5][::2]
    companies = pl.DataFrame({"symbol": symbols, "company": [f"{i:010d}" for i in range(len(symbols))]})
    facts = facts_of(companies["company"].to_list(), years=5)
    later = facts.filter(pl.col("known_at") <= day).with_columns(
        value=pl.col("value") * 3.0, filed=pl.lit(day), known_at=pl.lit(dt.date(2025, 7, 1))
    )
    everything = pl.concat([facts, later]).sample(fraction=1.0, shuffle=True, seed=1)
    whole.add({"companies": companies, "facts": everything}, "test", step=Step("a", 1))
    known = facts.filter(pl.col("known_at") <= day)
    cut.add({"companies": companies, "facts": known}, "test", step=Step("a", 1))

    asked = {"features": list(RATIOS), "where": "roe > -9 OR close > 0", "profile": "fundamental"}
    then = scan_market(whole, as_of=day, **asked)  # type: ignore[arg-type]
    assert contents(then) == contents(scan_market(cut, **asked))  # type: ignore[arg-type]
    assert then.ranked["factor_quality"].count() > 50
    assert then.ranked["factor_value"].count() > 50
    # The same day with what came to be known later is another scan.
    cut.add({"facts": later.with_columns(known_at=pl.lit(day))}, "test", step=Step("a", 2))
    assert contents(scan_market(cut, **asked)) != contents(then)  # type: ignore[arg-type]
    assert "facts" in then.provenance["data"]["store"]
    # Read once or again and again, all history or what is needed of it: the same bytes.
    again = scan_market(load_market(whole, as_of=day), **asked)  # type: ignore[arg-type]
    assert contents(again) == contents(then)


def test_a_split_after_the_day_is_not_known(tmp_path: Path) -> None:
    frames = frames_of_simulation()
    market = frames["splits"].filter(pl.col("ex_date") > dt.date(2025, 7, 1))
    symbol, ex_date, ratio = market.row(0)
    store = store_of(tmp_path / "s", frames, None)

    def close(as_of: dt.date) -> float:
        found = scan_market(store, as_of=as_of).frame.filter(pl.col("symbol") == symbol)
        return float(found["close"][0])

    raw = frames["bars"].filter((pl.col("symbol") == symbol) & (pl.col("session") < ex_date)).tail(1)
    before = raw["session"][0]
    assert close(before) == pytest.approx(raw["close"][0])
    adjusted = store.known(ex_date).bars(symbols=[symbol]).filter(pl.col("session") == before)["close"][0]
    assert adjusted == pytest.approx(raw["close"][0] / ratio)
