"""What is doubtful in chains, planted in a clean one and found exactly."""

from __future__ import annotations

import datetime as dt
import json
import math

import polars as pl

from tapescan.doctor.chains import Chains
from tapescan.doctor.examine import Diagnosis, examine
from tapescan.vendors.seam import rows_of
from tests.doctor.planted import DAYS, NAMES, Put, actions, changed, clean_bars, split_raw

DAY, BEFORE = DAYS[-1], DAYS[-2]
CLOSE = dt.datetime.combine(DAY, dt.time(19, 59), dt.UTC)
SOME = NAMES[:4]


def chain(
    session: dt.date = DAY, bars: pl.DataFrame | None = None, volume: float = 0.0, names: list[str] = SOME
) -> pl.DataFrame:
    """Five strikes, two expirations, of each share: what a call and its put differ by is the price of the share."""
    rows = []
    bars = clean_bars() if bars is None else bars
    for symbol in names:
        spot = bars.filter(symbol=symbol, session=session)["close"][0]
        for days in (10, 40):
            for number, strike in enumerate(round(spot) + at * 2.0 for at in range(-2, 3)):
                for side in ("call", "put"):
                    gain = spot - strike if side == "call" else strike - spot
                    worth = max(gain, 0.0) + 0.05 * spot * math.exp(-(((strike - spot) / (0.1 * spot)) ** 2))
                    rows.append(
                        {
                            "symbol": symbol,
                            "session": session,
                            "expiration": session + dt.timedelta(days=days),
                            "root": symbol,
                            "strike": strike,
                            "side": side,
                            "bid": worth - 0.01,
                            "ask": worth + 0.01,
                            "last": worth,
                            "volume": volume + number,
                            "quoted": dt.datetime.combine(session, dt.time(19, 59), dt.UTC),
                        }
                    )
    columns = {name: [row.get(name) for row in rows] for name in rows_of("option_quotes").columns}
    return rows_of("option_quotes", columns)


def prices(names: list[str] = SOME, **factors: float) -> pl.DataFrame:
    bars = clean_bars().filter(session=DAY)
    found = [(one, bars.filter(symbol=one)["close"][0] * factors.get(one, 1.0)) for one in names]
    return rows_of(
        "underlyings",
        {
            "symbol": names,
            "session": [DAY] * len(names),
            "price": [price for _, price in found],
            "quoted": [CLOSE] * len(names),
        },
    )


def of(found: Diagnosis) -> Chains:
    assert found.chains is not None
    return found.chains


def test_a_clean_chain_has_nothing_and_a_store_without_one_says_nothing(put: Put) -> None:
    assert examine(put("one", bars=clean_bars())).chains is None
    found = examine(put("one", underlyings=prices(), option_quotes=chain()))
    assert found.defects == {}
    assert found.lines()[-6:-1] == [
        f"chains: 80 contracts of 4 underlyings on {DAY}",
        "stale chains: none",
        "spot gaps: none",
        "unlisted contracts: none",
        "volumes of another day: none",
    ]


def test_a_chain_of_older_quotes_than_its_session_is_told(put: Put) -> None:
    old = pl.when(pl.col("symbol") == "S01").then(pl.col("quoted") - dt.timedelta(days=3)).otherwise("quoted")
    found = examine(put("one", bars=clean_bars(), option_quotes=chain().with_columns(quoted=old)))
    assert of(found).stale.rows() == [("S01", 20, 20, DAY - dt.timedelta(days=3))]
    assert "stale chains: 1" in found.lines()
    assert found.defects == {}


def test_a_price_of_another_moment_is_a_gap_to_the_close_and_to_the_chain(put: Put) -> None:
    store = put("one", bars=clean_bars(), underlyings=prices(S02=1.04), option_quotes=chain())
    found = examine(store)
    gaps = of(found).gaps
    assert sorted(gaps.select("symbol", "against").rows()) == [("S02", "close"), ("S02", "parity")]
    assert gaps["apart"].is_between(0.035, 0.045).all()
    assert found.defects == {"spot gaps": 2}
    assert any("S02: " in line and "the session's close is" in line for line in found.lines())


def test_a_close_that_is_wrong_is_a_gap_and_the_chain_speaks_for_the_price(put: Put) -> None:
    bars = clean_bars().with_columns(changed("S03", -1, close=1.02, high=1.02))
    found = examine(put("one", bars=bars, underlyings=prices(), option_quotes=chain()))
    assert of(found).gaps.select("symbol", "against").rows() == [("S03", "close")]


def test_strikes_of_before_a_split_are_unlisted(put: Put) -> None:
    day = DAYS[-10]
    bars = clean_bars().with_columns(split_raw("S01", 10.0, day))
    quotes = chain(bars=bars)
    old = quotes.filter(symbol="S01", side="put").with_columns(
        strike=pl.col("strike") * 10.0, bid=pl.col("bid") + 1.0, ask=pl.col("ask") + 1.0
    )
    store = put("one", bars=bars, splits=actions("ratio", ("S01", day, 10.0)), option_quotes=pl.concat([quotes, old]))
    found = examine(store)
    assert of(found).unlisted.select("symbol", "contracts", "why").rows() == [("S01", len(old), "split")]
    assert found.defects == {"underlyings with unlisted contracts": 1}
    assert found.lines()[-1] == "DEFECTS: 1 underlying with unlisted contracts"
    assert f"unlisted contracts: {len(old)} of 1 underlying" in found.lines()


def test_one_impossible_quote_in_a_chain_is_an_old_one(put: Put) -> None:
    row = chain().filter(symbol="S01", side="put").head(1)
    bars = clean_bars().filter(symbol="S01", session=DAY)
    dear = row.with_columns(strike=pl.lit(3.0) * bars["close"][0], bid=pl.lit(1.0), ask=pl.lit(1.1))
    found = examine(put("one", bars=clean_bars(), option_quotes=pl.concat([chain(names=NAMES), dear])))
    assert of(found).impossible == 1
    assert of(found).unlisted.is_empty()
    assert "unlisted contracts: none; quotes too old to be true: 1" in found.lines()


def test_chains_of_what_is_not_listed_any_more(put: Put) -> None:
    listing = pl.DataFrame({"symbol": NAMES, "delisted": [DAYS[-5] if one == "S00" else None for one in NAMES]})
    found = examine(put("one", bars=clean_bars(), symbols=listing, option_quotes=chain()))
    assert of(found).unlisted.select("symbol", "contracts", "why").rows() == [("S00", 20, "underlying")]


def test_volumes_that_stand_since_the_session_before(put: Put) -> None:
    store = put("one", bars=clean_bars(), option_quotes=chain(BEFORE, volume=5.0))
    now = chain(volume=50.0)
    same = chain(BEFORE, volume=5.0).filter(symbol="S01").with_columns(session=pl.lit(DAY))
    then = now.filter(pl.col("symbol") != "S01")
    store = put("one", option_quotes=pl.concat([then, same]))
    found = examine(store)
    assert of(found).unchanged.rows() == [("S01", 20, 20)]
    assert any(line.startswith("volumes of another day: 1; ") for line in found.lines())
    told = json.loads(json.dumps(found.to_dict()))["chains"]
    assert told["unchanged"] == {"count": 1, "worst": [{"symbol": "S01", "contracts": 20, "same": 20}]}
    assert told["session"] == str(DAY)
    # A volume of which the day is said needs no doubt.
    put("one", option_quotes=pl.concat([then, same]).with_columns(traded=pl.lit(DAY)))
    assert of(examine(store)).unchanged.is_empty()
