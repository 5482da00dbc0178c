"""`tapescan options` and `tapescan scan --express`: what they show, write, and refuse in one line."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from tapescan.store import Store
from tests.commands import one_line, tapescan
from tests.conftest import random_bars
from tests.markup import Page, points, reaches_out
from tests.options.markets import MONTH
from tests.scan.chains import EXPIRIES, NAMES, SESSION, STRIKES, bars, store_with_chains


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return store_with_chains(tmp_path_factory.mktemp("options") / "store").path


def test_the_plan_the_positions_and_the_chain(store: str) -> None:
    done = tapescan("options", "aa", "--store", store, width=250)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert re.fullmatch(
        rf"AA: options of {SESSION}, the share at 100\.00; plan: long [\d,]+ shares at 100\.00, stop [\d.]+, "
        r"target [\d.]+, up to 2026-09-04",
        lines[0],
    )
    ranked = [line for line in lines if re.match(r"\d+\s+(long_option|stock|debit_spread)", line)]
    assert ranked[0].split()[0] == "1"
    assert any(" stock " in line for line in ranked)
    assert "risk-neutral, no forecast" in done.stdout
    assert "success" not in done.stdout
    # One session tells no percentile, so no premium is sold, and it says so.
    number = re.search(r"\[(\d)\] cheap_premium: premium is sold only where vrp_20 is above 0", done.stdout)
    assert number
    spreads = [line for line in lines if re.match(r"-\s+credit_spread", line)]
    assert spreads
    assert all(f"[{number[1]}]" in line for line in spreads)
    assert any(line.startswith("100 call") for line in lines)


def test_one_expiry_and_one_strategy(store: str) -> None:
    done = tapescan(
        "options", "BB", "--store", store, "--expiry", "2026-10-02", "--strategy", "debit_spread", "--json"
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {(one["strategy"], one["expiry"]) for one in found["expressions"]} == {("debit_spread", "2026-10-02")}
    one = found["expressions"][0]
    bought, sold = one["legs"]
    assert (bought["side"], sold["side"]) == ("buy", "sell")
    assert one["max_loss"] + one["max_gain"] == pytest.approx(100.0 * (sold["strike"] - bought["strike"]))
    assert one["cost"] == pytest.approx(100.0 * (bought["ask"] - sold["bid"]))
    # All but the few whose bid would be below 0.
    assert 300 < len(found["contracts"]) <= 2 * len(STRIKES) * len(EXPIRIES)
    assert {row["reason"] for row in found["contracts"]} >= {"ok"}
    # The near one leaves no room; it is at hand by name.
    near = json.loads(tapescan("options", "BB", "--store", store, "--expiry", "2026-09-18", "--json").stdout)
    assert {one["expiry"] for one in near["expressions"]} == {None, "2026-09-18"}


def test_a_page_that_reaches_for_nothing(store: str, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    done = tapescan("options", "AA", "--store", store, "--html", str(path))
    assert done.returncode == 0, done.stderr
    text = path.read_text()
    page = Page(text)
    assert reaches_out(page, text) == []
    assert page.tags.count("figure") == 5
    # The fit falls and rises again; what is priced in rises; the cone opens.
    fit, below = points(text)[:2]
    assert len(fit) > 10
    assert all(later[1] <= earlier[1] + 0.01 for earlier, later in pairwise(below))
    seen = " ".join(page.seen)
    assert "refused of the expiry:" in seen
    # A quote tells its spread, a refused one its reason.
    assert re.search(r"<title>100 call: 30\.0%, [\d.]+% to [\d.]+%</title>", text)
    assert re.search(r"<title>\d+ (call|put): (below_intrinsic|uninformative|no_bid)</title>", text)
    assert tapescan("options", "AA", "--store", store, "--html", str(path)).returncode == 0
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("options", "NOPE"), "no symbol 'NOPE' in this market"),
        (("options", "S030"), f"SYMBOL: no option quotes of S030 on {SESSION}"),
        (
            ("options", "AA", "--expiry", "2026-09-20"),
            "AA has no options that expire on 2026-09-20; the nearest are 2026-09-04, 2026-09-18, 2026-10-02",
        ),
        (("options", "AA", "--expiry", "soon"), "--expiry: 'soon' is no date"),
        (("options", "AA", "--strategy", "straddle"), "--strategy: 'straddle' is no strategy; one of stock, long"),
        (("options", "AA", "--strategy", "debit"), "did you mean debit_spread"),
        (("options", "AA", "--html", "nowhere/page.html"), "--html nowhere/page.html cannot be written"),
        (
            ("options", "AA", "--as-of", "2026-08-20"),
            "this store holds no option quotes",
        ),
        (("scan", "--where", "expression_cost > 0"), "expression_cost is not known before all are ranked"),
        (("scan", "--rank-by", "expression_win_rate asc"), "expression_win_rate is not known before all are ranked"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, tuple) else "",
)
def test_what_cannot_be_is_one_line(store: str, words: tuple[str, ...], said: str) -> None:
    assert said in one_line(tapescan(*words, "--store", store))


def test_quotes_of_another_session_are_named(store: str, tmp_path: Path) -> None:
    """The store goes on by a session whose quotes nobody brought."""
    later = store_with_chains(tmp_path / "later").path
    bars().filter(pl.col("session") == SESSION).with_columns(
        session=pl.lit(SESSION).dt.offset_by("3d")
    ).write_parquet(tmp_path / "bars.parquet")
    assert tapescan("import", str(tmp_path / "bars.parquet"), "--store", later).returncode == 0
    said = one_line(tapescan("options", "AA", "--store", later))
    assert f"no option quotes of 2026-08-24: the newest are of {SESSION}" in said
    done = tapescan("scan", "--express", "--store", later)
    assert done.returncode == 0
    assert f"expression: no option quotes of 2026-08-24: the newest are of {SESSION}" in done.stderr
    assert Store(later).versions() != Store(store).versions()


def test_a_market_without_chains_says_so_once(tmp_path: Path) -> None:
    bars = random_bars(symbols=60, sessions=300, seed=3)
    bars.write_parquet(tmp_path / "bars.parquet")
    assert tapescan("import", str(tmp_path / "bars.parquet"), "--store", str(tmp_path / "s")).returncode == 0
    assert "this store holds no option quotes" in one_line(
        tapescan("options", "S001", "--store", str(tmp_path / "s"))
    )


def test_without_a_store_the_simulated_market_has_chains() -> None:
    done = tapescan("options", "ZEGIJ", width=200)
    assert done.returncode == 0, done.stderr
    assert "SIMULATED" in done.stdout
    assert "long_option" in done.stdout


def test_a_name_without_a_plan_has_its_chain(store: str, tmp_path: Path) -> None:
    """A profile that lets only dear shares in."""
    profile = tmp_path / "dear.toml"
    profile.write_text('title = "dear"\n[weights]\nmomentum = 1\n[filters]\nmin_price = 150\n')
    done = tapescan("options", "AA", "--store", store, "--profile", str(profile), width=200)
    assert done.returncode == 0, done.stderr
    assert "No plan: not ranked, " in done.stdout
    assert "100 call" in done.stdout
    assert "long_option" not in done.stdout


def test_a_scan_shows_the_best_of_each_row(store: str) -> None:
    done = tapescan("scan", "--store", store, "--express", "--format", "json", "--top", "40")
    assert done.returncode == 0, done.stderr
    rows = {row["symbol"]: row for row in json.loads(done.stdout)["rows"]}
    assert {name for name, row in rows.items() if row["expression"]} == {*NAMES} & {*rows}
    for name in {*NAMES} & {*rows}:
        found = json.loads(tapescan("options", name, "--store", store, "--json").stdout)
        best = next(one for one in found["expressions"] if one["rank"] and one["legs"])
        row = rows[name]
        assert row["expression"].split()[:2] == [best["strategy"], best["expiry"]]
        assert row["expression_size"] == best["size"]
        assert row["expression_gain"] == best["at_target"] * best["size"]
        assert row["expression_win_rate"] == best["win_rate_undecided"]
        stock = next(one for one in found["expressions"] if not one["legs"])
        assert row["stock_win_rate"] == stock["win_rate_undecided"]
    shown = tapescan("scan", "--store", store, "--express", "--top", "40", width=240).stdout
    assert re.search(r"long_option 20\d\d-\d\d-\d\d [\d.]+C", shown)
    assert MONTH in EXPIRIES
