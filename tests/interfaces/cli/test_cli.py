"""The commands as a person runs them: whole processes, real exit codes, what is on which stream."""

from __future__ import annotations

import json
import os
from pathlib import Path

import polars as pl
import pytest

from tapescan.features.plan import default_features
from tests.commands import one_line, run, tapescan
from tests.conftest import random_bars

__all__ = ["one_line", "tapescan"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of a small random market that trades enough to be ranked."""
    folder = tmp_path_factory.mktemp("market")
    random_bars(symbols=60, sessions=300, seed=5).write_parquet(folder / "bars.parquet")
    done = tapescan("import", str(folder / "bars.parquet"), "--store", str(folder / "store"))
    assert done.returncode == 0, done.stderr
    return folder / "store"


def test_verbose_tells_on_standard_error_and_leaves_the_result_alone(store: Path) -> None:
    quiet, told = (
        tapescan(*first, "scan", "--store", str(store), "--format", "csv") for first in ((), ("--verbose",))
    )
    assert told.stdout == quiet.stdout
    assert f"{store}/.kept/market-splits serves" in told.stderr
    assert ".kept" not in quiet.stderr


def test_scan_as_json_is_one_object(store: Path) -> None:
    done = tapescan("scan", "--store", str(store), "--format", "json", "--top", "5")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["coverage"]["requested"] == 60
    assert found["coverage"]["requested"] == found["coverage"]["ranked"] + sum(found["coverage"]["dropped"].values())
    assert [row["rank"] for row in found["rows"]] == [1, 2, 3, 4, 5]
    assert {"rank", "symbol", "score"} <= set(found["rows"][0])
    assert found["provenance"]["data"]["store"]["bars"] >= 0


@pytest.fixture(scope="module")
def hostile(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose listing came with names that a terminal or a spreadsheet would obey."""
    folder = tmp_path_factory.mktemp("hostile")
    bars = pl.read_parquet(store.parent / "bars.parquet")
    bars.write_parquet(folder / "bars.parquet")
    symbols = bars["symbol"].unique(maintain_order=True)
    names = ["=cmd|' /C calc'!A0", "\x1b[31mRed\x1b]0;title\x07", "\u202eeviL", "@SUM(A1)"] * 15
    listing = pl.DataFrame({"symbol": symbols, "name": names, "exchange": "NYSE", "sector": "+1"})
    strange = listing.head(1).with_columns(symbol=pl.lit("A\x1b[31mZ"))
    listing.vstack(strange).write_parquet(folder / "listing.parquet")
    paths = [str(folder / name) for name in ("bars.parquet", "listing.parquet")]
    done = tapescan("import", *paths, "--store", str(folder / "store"))
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    return folder / "store"


def test_no_name_of_a_listing_reaches_the_terminal_as_a_command(hostile: Path) -> None:
    for words in (("scan",), ("scan", "--format", "json"), ("show", "S001"), ("doctor",)):
        done = tapescan(*words, "--store", str(hostile), width=200)
        said = done.stdout + done.stderr
        assert not [c for c in said if not c.isprintable() and c != "\n"], words
    assert "[31mRed" in tapescan("scan", "--store", str(hostile), "--top", "60", width=250).stdout


def test_no_cell_of_csv_is_computed_by_a_spreadsheet(hostile: Path) -> None:
    done = tapescan("scan", "--store", str(hostile), "--format", "csv", "--features", "rsi_14")
    frame = pl.read_csv(done.stdout.encode())
    texts = [text for name in frame.columns for text in frame[name].drop_nulls() if isinstance(text, str)]
    assert "'=cmd|' /C calc'!A0" in texts
    assert {text for text in texts if text.startswith(("=", "+", "-", "@", "\t", "\r"))} <= {"+1"}  # a number
    assert frame["rsi_14"].dtype == pl.Float64


@pytest.mark.parametrize("columns", ["0", "-1", "1", "", "wide", "\u00b2", "9" * 30])
def test_a_width_that_is_none_is_no_width(store: Path, columns: str) -> None:
    variables = {name: text for name, text in os.environ.items() if not name.startswith("TAPESCAN_")}
    cache = {"TAPESCAN_CACHE": os.environ["TAPESCAN_CACHE"]} if "TAPESCAN_CACHE" in os.environ else {}
    done = run("scan", "--store", str(store), "--top", "3", variables={**variables, **cache, "COLUMNS": columns})
    assert done.returncode == 0, done.stderr
    assert "symbol" in done.stdout


def test_a_full_disk_leaves_the_old_file(store: Path, tmp_path: Path) -> None:
    code = """
import resource, signal, sys
from tapescan.interfaces.cli.main import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (500, resource.RLIM_INFINITY))
main()
"""
    for ending in ("csv", "json", "parquet", "txt"):
        path = tmp_path / f"list.{ending}"
        path.write_text("old")
        done = run("-c", code, "scan", "--store", str(store), "--output", str(path))
        assert "list." in one_line(done)
        assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.sampled(one_in=4)
@pytest.mark.parametrize("width", [60, 80, 95, 110, 140, 200])
@pytest.mark.parametrize("features", ["", "rsi_14,dollar_volume_20,macd_8_21_5_signal"])
def test_the_table_fits_the_terminal_and_cuts_off_nothing(store: Path, width: int, features: str) -> None:
    done = tapescan("scan", "--store", str(store), "--top", "8", "--features", features, width=width)
    assert done.returncode == 0, done.stderr
    table = [line for line in done.stdout.split("Coverage:")[0].splitlines()[1:] if "No room for" not in line]
    assert max(len(line) for line in table) <= width
    assert "…" not in done.stdout
    shown = " ".join(table[:3])
    for column in ("symbol", "score", "close", "stop", "target", *filter(None, features.split(","))):
        assert column in shown or column in done.stdout.split("No room for")[1]


def test_every_symbols_features_as_parquet(store: Path, tmp_path: Path) -> None:
    path = tmp_path / "features.parquet"
    done = tapescan("scan", "--store", str(store), "--features", "all", "--format", "parquet", "--output", str(path))
    assert done.returncode == 0, done.stderr
    frame = pl.read_parquet(path)
    assert len(frame) == 60
    assert set(default_features()) <= set(frame.columns)
    assert frame["dropped"].null_count() == 0


def test_csv_holds_nothing_but_csv(store: Path) -> None:
    done = tapescan("scan", "--store", str(store), "--format", "csv", "--features", "rsi_14,atr_14")
    frame = pl.read_csv(done.stdout.encode())
    assert len(frame) == 60
    assert {"rsi_14", "atr_14", "score", "dropped"} <= set(frame.columns)


def test_show_explains_a_symbol(store: Path) -> None:
    best = json.loads(tapescan("scan", "--store", str(store), "--format", "json", "--top", "1").stdout)["rows"][0]
    done = tapescan("show", best["symbol"], "--store", str(store))
    assert done.returncode == 0, done.stderr
    assert "rank 1 of" in done.stdout
    assert f"score {best['score']:.1f}" in done.stdout
    assert "stop" in done.stdout


def test_a_short_is_told_what_borrowing_its_shares_costs(store: Path, tmp_path: Path) -> None:
    own = tmp_path / "short.toml"
    own.write_text('title = "Short"\nside = "short"\n[weights]\nmomentum = 1\n[risk]\nborrow = 6.0\nhold = 10\n')
    asked = ("--store", str(store), "--profile", str(own))
    best = json.loads(tapescan("scan", *asked, "--format", "json", "--top", "1").stdout)["rows"][0]
    cost = best["dollars"] * 0.06 * 10 / 252
    said = tapescan("show", best["symbol"], *asked).stdout
    assert f"To borrow the shares at 6 % a year costs ${cost:,.2f} in 10 sessions" in said


def test_indicators_lists_all_as_table_and_json() -> None:
    assert "rsi_14" in tapescan("indicators", "--group", "oscillators").stdout.replace("\n", "")
    found = json.loads(tapescan("indicators", "--json").stdout)
    assert len(found) >= 65
    assert sum(len(one["default_features"]) for one in found) >= 120
    assert all(one["formula"] and one["reference"] for one in found)


def test_version_and_help() -> None:
    assert tapescan("--version").stdout.startswith("tapescan 0.")
    for command in ("scan", "show", "import", "indicators", "bench"):
        done = tapescan(command, "--help")
        assert done.returncode == 0
        assert done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("scan", "--profile", "swng"), "did you mean swing"),
        (("scan", "--format", "xml"), "--format"),
        (("scan", "--format", "parquet"), "--output"),
        (("scan", "--as-of", "yesterday"), "YYYY-MM-DD"),
        (("scan", "--where", "rsi14 < 10"), "rsi_14"),
        (("scan", "--where", "rsi_14 <"), "--where"),
        (("scan", "--rank-by", "scores"), "score"),
        (("scan", "--features", "rsi_14,smaa_20"), "sma_20"),
        (("scan", "--top", "0"), "--top"),
        (("scan", "--top", "many"), "--top"),
        (("scan", "--nonsense"), "--nonsense"),
        (("scan", "--output", "/nonexistent/folder/x.csv", "--format", "csv"), "/nonexistent/folder/x.csv"),
        (("show", "NOSUCH"), "NOSUCH"),
        (("show",), "symbol"),
        (("indicators", "--group", "oscilators"), "oscillators"),
        (("nonsense",), "nonsense"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(store: Path, arguments: tuple[str, ...], says: str) -> None:
    where = ("--store", str(store)) if arguments[0] in {"scan", "show"} else ()
    assert says in one_line(tapescan(*arguments, *where))


def test_an_as_of_before_the_first_bar(store: Path) -> None:
    line = one_line(tapescan("scan", "--store", str(store), "--as-of", "1999-01-04"))
    assert "1999-01-04" in line
    assert "2022-" in line


def test_an_empty_store_scans_the_simulated_market_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "no-store").mkdir()
    done = tapescan("scan", "--store", str(tmp_path / "no-store"), "--format", "json", "--top", "1")
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if "SIMULATED" in line]
    assert len(said) == 1
    assert "no-store holds no bars yet, so the simulated market stands in for it" in done.stderr
    assert "tapescan import" in said[0]
    found = json.loads(done.stdout)
    assert found["provenance"]["data"]["simulated"]["symbols"] == 6000
    assert "SIMULATED" in " ".join(found["notes"])
    assert list((tmp_path / "no-store").iterdir()) == []


def test_a_mistyped_store_is_an_error_not_invented_prices(tmp_path: Path) -> None:
    assert "typo" in one_line(tapescan("scan", "--store", str(tmp_path / "typo")))
    assert "typo" in one_line(tapescan("show", "AAPL", "--store", str(tmp_path / "typo")))


def test_import_without_a_store_and_with_a_missing_file(tmp_path: Path) -> None:
    assert "--store" in one_line(tapescan("import", "x.csv", cwd=tmp_path))
    assert "x.csv" in one_line(tapescan("import", "x.csv", "--store", "s", cwd=tmp_path))
    assert "--adjusted" in one_line(tapescan("import", "x.csv", "--store", "s", "--adjusted", "some", cwd=tmp_path))


def test_a_market_of_one_bar_is_marked_not_refused(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("symbol,date,open,high,low,close,volume\nNA,2024-03-01,10,11,9,10.5,1000\n")
    assert tapescan("import", "one.csv", "--store", "s", cwd=tmp_path).returncode == 0
    done = tapescan("scan", "--store", "s", "--format", "json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["coverage"] == {"requested": 1, "ranked": 0, "dropped": {"short_history": 1}}
    assert "No symbol was ranked" in tapescan("scan", "--store", "s", cwd=tmp_path).stdout
    assert "not ranked" in tapescan("show", "NA", "--store", "s", cwd=tmp_path).stdout


def test_settings_name_the_store(store: Path, tmp_path: Path) -> None:
    (tmp_path / "tapescan.toml").write_text(f'store = "{store}"\ntop = 3\n')
    found = json.loads(tapescan("scan", "--format", "json", cwd=tmp_path).stdout)
    assert len(found["rows"]) == 3
