"""Named screens: the shipped ones, one's own, and several at once."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import msgspec
import polars as pl
import pytest

from tapescan.api import scan_market
from tapescan.core.errors import OptionError, ScreenError
from tapescan.core.typing import Floats
from tapescan.history.market import Market, simulated_market
from tapescan.scan.named import NamedScreen, chosen_screens, load_screen, screen_files
from tapescan.scan.profile import load_profile
from tapescan.scan.request import prepare
from tests.commands import one_line, run

SHIPPED = sorted(screen_files())
#: They need statements, which the simulated market has none of.
OF_STATEMENTS = {"magic-formula", "net-nets", "oversold-quality", "piotroski-value"}


def test_two_dozen_are_shipped_each_with_its_source() -> None:
    assert len(SHIPPED) >= 24
    for name in SHIPPED:
        one = load_screen(name)
        assert one.source, name
        assert one.claims, name
        assert one.title != name
        prepare(load_profile(one.profile or "swing"), screens=[one])


@pytest.mark.parametrize("name", SHIPPED)
def test_oversold_screens_leave_out_what_does_not_move(name: str) -> None:
    where = load_screen(name).where
    asks_low = any(f"rsi_{n} <" in where for n in (2, 7, 14, 21)) or "lowest(7" in where
    assert "range > 0" in where or not asks_low


def test_shipped_screens_over_a_market(inputs: Market) -> None:
    """One scan for all of them."""
    found = scan_market(inputs, screens=SHIPPED, models=False)
    counts = dict(part.rsplit(" ", 1) for part in found.notes[-1].removeprefix("satisfied: ").split(", "))
    assert list(counts) == SHIPPED
    for name in OF_STATEMENTS:
        assert counts[name] == "0"
    assert sum(count != "0" for count in counts.values()) > 12
    assert any("f_score" in note and "no company statements" in note for note in found.notes)


def test_several_at_once_are_each_alone(inputs: Market) -> None:
    names = ["nr7", "turtle-20", "breakdown-short"]
    together = scan_market(inputs, profile="swing", screens=names, models=False)
    marks = {row["symbol"]: row["screens"].split(",") for row in together.ranked.iter_rows(named=True)}
    assert "screens" in together.features
    for name in names:
        alone = scan_market(inputs, profile="swing", screens=name, models=False)
        assert {symbol for symbol, of in marks.items() if name in of} == set(alone.ranked["symbol"])
        assert "screens" not in alone.frame.columns
    sides = dict(together.ranked.select("symbol", "side").iter_rows())
    for symbol, of in marks.items():
        first = next((one for one in of if one != "nr7"), "")
        assert sides[symbol] == ("short" if first == "breakdown-short" else "long")
    assert [one["name"] for one in together.provenance["screens"]] == names
    assert len({*marks}) == together.coverage.ranked > 0
    assert together.ranked["conviction"].is_sorted(descending=True)  # of both sides, the furthest from the middle


def test_who_satisfies_both_sides_is_of_the_first(inputs: Market) -> None:
    up = NamedScreen(name="up", title="up", where="close > 0", side="long")
    down = NamedScreen(name="down", title="down", where="close > 20", side="short")
    first = scan_market(inputs, screens=[up, down], models=False).ranked
    assert set(first["side"]) == {"long"}
    second = scan_market(inputs, screens=[down, up], models=False).ranked
    assert set(second.filter(pl.col("close") > 20)["side"]) == {"short"}
    assert set(second.filter(pl.col("close") <= 20)["side"]) == {"long"}
    short = second.filter((pl.col("side") == "short") & (pl.col("shares") > 0))
    assert (short["stop"] > short["entry"]).all()


def test_a_screen_and_a_condition_besides(inputs: Market) -> None:
    nr7 = scan_market(inputs, screens=["nr7"], models=False)
    some = scan_market(inputs, screens=["nr7"], where="rsi_14 > 50", models=False)
    wanted = nr7.ranked.join(
        scan_market(inputs, features=["rsi_14"], models=False).ranked.select("symbol", "rsi_14"), on="symbol"
    ).filter(pl.col("rsi_14") > 50)
    assert set(some.ranked["symbol"]) == set(wanted["symbol"])
    assert nr7.ranked["natr_14"].is_sorted()  # its own order
    assert (
        scan_market(inputs, screens=["nr7"], rank_by="close", models=False).ranked["close"].is_sorted(descending=True)
    )


def test_the_profile_is_the_screens_own() -> None:
    assert chosen_screens("connors-rsi-2", None)[1].name == "short_swing"
    assert chosen_screens("connors-rsi-2", "position")[1].name == "position"
    assert chosen_screens(["connors-rsi-2", "nr7"], None)[1].name == "short_swing"
    _, profile, notes = chosen_screens(["connors-rsi-2", "golden-cross"], None)
    assert profile.name == "swing"
    assert "several profiles" in notes[0]
    assert chosen_screens((), None)[1].name == "swing"
    with pytest.raises(ScreenError, match="nr7 is asked for twice"):
        chosen_screens(["nr7", "nr7"], None)
    with pytest.raises(ScreenError, match=r"screen: unknown screen 'turtle-2'; did you mean turtle-20"):
        chosen_screens("turtle-2", None)


def test_the_digest_names_what_is_asked() -> None:
    one = load_screen("nr7")
    assert one.digest == msgspec.structs.replace(one, name="x", title="y", source="", claims="").digest
    assert one.digest != msgspec.structs.replace(one, where="close > 1").digest


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TAPESCAN_SCREENS", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "160")
    (tmp_path / "mine.toml").write_text(
        'title = "[b]Mine"\nwhere = "close > close[1]"\ncolumns = ["up = ret_1 * 100"]\n'
    )
    return tmp_path


def test_ones_own(own: Path, inputs: Market) -> None:
    assert screen_files()["mine"] == own / "mine.toml"
    found = scan_market(inputs, screens=["mine"], models=False)
    assert found.ranked["up"].min() > 0  # type: ignore[operator]
    (own / "nr7.toml").write_text('title = "Not theirs"\nwhere = "close > 1"\n')
    assert load_screen("nr7").title == "Not theirs"
    assert load_screen(str(own / "mine.toml")).name == "mine"


@pytest.mark.sampled(one_in=4)
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('title = "x"', "missing required field `where`"),
        ('title = "x"\nwhere = "close >"', "the screen broken: it cannot be read near '>'"),
        ('title = "x"\nwhere = "close"', "a number, not a condition"),
        ('title = "x"\nwhere = "stop > 5"', "stop is of the trade, which the screen decides"),
        ('title = "x"\nwhere = "close > 5"\nside = "both"', "Invalid enum value 'both'"),
        ('title = "x"\nwhere = "close > 5"\nrank_by = "foo"', "rank_by: unknown name 'foo'"),
        ('title = "x"\nwhere = "close > 5"\ncolumns = ["foo"]', "unknown name 'foo'"),
        ('title = "x"\nwhere = "close > 5"\nfoo = 1', "unknown field `foo`"),
        ('title = "x"\nwhere = "close > 5"\nprofile = "foo"', "unknown profile 'foo'"),
        ('title = "\\u001b[2Jx"\nwhere = "close > 5"', "title holds signs that cannot be printed"),
        ("title", "Expected '='"),
        ("\x00", "Invalid"),
    ],
)
def test_a_broken_screen_is_one_line_and_hides_no_other(own: Path, text: str, says: str) -> None:
    (own / "broken.toml").write_text(text)
    checked = run("screens", "--check")
    assert checked.returncode == 2
    assert "1 of" in checked.stderr
    assert "broken" in checked.stderr
    told = run("screens", "--check", "--json")
    rows = {row["name"]: row for row in msgspec.json.decode(told.stdout)}
    assert says in rows["broken"]["error"]
    assert rows["mine"]["title"] == "[b]Mine"
    assert not rows["mine"]["error"]
    assert says in one_line(run("scan", "--screen", "broken"))


def test_the_commands(own: Path) -> None:
    listed = run("screens").stdout
    assert "[b]Mine" in listed
    assert "Toby Crabel" in listed
    assert run("screens", "--check").returncode == 0
    shown = run("screens", "minervini-trend-template").stdout
    assert "sma_200 > sma_200[21]" in shown
    assert msgspec.json.decode(run("screens", "mine", "--json").stdout)["columns"] == ["up = ret_1 * 100"]
    assert "did you mean" in one_line(run("screens", "nr8"))
    assert "there is no folder" in one_line(
        run("screens", variables={**os.environ, "TAPESCAN_SCREENS": str(own / "no")})
    )
    big = own / "big.toml"
    big.write_text("#" * 200_000)
    assert "larger than" in one_line(run("screens", str(big)))


def test_who_does_not_trade_is_never_ranked(inputs: Market) -> None:
    """Whatever the profile says of dollars."""
    profile = load_profile("swing")
    loose = msgspec.structs.replace(
        profile, filters=msgspec.structs.replace(profile.filters, min_dollar_volume=0.0, min_price=0.0)
    )
    before = scan_market(inputs, profile=loose, models=False)
    block = inputs.panel.blocks[0]
    volume = block.volume.copy()
    lanes = [
        lane
        for lane in range(8)
        if before.frame.filter(pl.col("symbol") == inputs.panel.symbols[lane])["dropped"][0] == ""
    ]
    volume[-21:, lanes[0]] = 0.0
    volume[-20:, lanes[1]] = 0.0
    changed = with_volume(inputs, volume)
    after = dict(scan_market(changed, profile=loose, models=False).frame.select("symbol", "dropped").iter_rows())
    assert after[inputs.panel.symbols[lanes[0]]] == "untraded"
    assert after[inputs.panel.symbols[lanes[1]]] == ""


def with_volume(market: Market, volume: Floats) -> Market:
    """The market with other volumes in its first block."""
    first, *others = market.panel.blocks
    return replace(market, panel=replace(market.panel, blocks=(replace(first, volume=volume), *others)))


def test_a_profiles_condition_decides_who_is_beside_whom(inputs: Market) -> None:
    profile = load_profile("swing")
    own = msgspec.structs.replace(
        profile, filters=msgspec.structs.replace(profile.filters, where="close > sma_50 AND pct(ret_21) > 20")
    )
    found = scan_market(inputs, profile=own, features=["r = rank(ret_21)", "p = pct(ret_21)"], models=False)
    assert found.coverage.dropped["filter"] > 10
    assert sorted(found.ranked["r"].to_list()) == list(range(1, found.coverage.ranked + 1))
    assert found.ranked["p"].min() < 5  # type: ignore[operator]
    assert found.provenance["profile"]["digest"] != scan_market(inputs, models=False).provenance["profile"]["digest"]


def test_a_loaded_market_of_few_bars_says_what_it_lacks() -> None:
    short = simulated_market(symbols=60, sessions=40)
    found = scan_market(short, where="close > highest(100, close)[1] OR weekly.close[50] > 1", models=False)
    assert found.coverage.ranked == 0
    with pytest.raises(OptionError, match="since: it does not go with a loaded market"):
        scan_market(short, since="2025-12-01", models=False)
