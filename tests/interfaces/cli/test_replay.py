"""`tapescan replay` as a person runs it: what is shown at 80 columns, as JSON, as a page, beside others."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from tapescan.interfaces.cli.console import Pace, progress_line
from tapescan.interfaces.cli.replay import show_replay
from tapescan.replay.result import TRADED, Compared, Comparison, ReplayResult
from tests.commands import one_line, tapescan
from tests.conftest import random_bars
from tests.markup import Page
from tests.replay.replays import replayed


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replayed")
    random_bars(symbols=60, sessions=200, seed=5).write_parquet(folder / "bars.parquet")
    done = tapescan("import", str(folder / "bars.parquet"), "--store", str(folder / "store"))
    assert done.returncode == 0, done.stderr
    return folder / "store"


def refused(text: str) -> None:
    raise AssertionError(f"{text} is no JSON")


def shown(result: ReplayResult, monkeypatch: pytest.MonkeyPatch, capsys: Any, width: int = 80, **more: Any) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    show_replay(result, **more)
    text: str = capsys.readouterr().out
    return text


def beside(result: ReplayResult, *names: str) -> ReplayResult:
    numbers = (12_345, -0.999, 1.234, -12.3, 0.1, 0.2, float("nan"), -1.012, 0.25, -0.981, 104.4)
    rows = tuple(Compared(name, *numbers, "unknown", False, "So.") for name in names)
    return msgspec.structs.replace(result, comparison=Comparison(result.first, result.last, 3, rows))


@pytest.mark.parametrize("plan", [False, True])
def test_no_table_is_wider_than_80_columns_and_no_number_is_cut(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, plan: bool
) -> None:
    result = beside(replayed(plan=plan), "minervini-trend-template", "close > sma_200 AND " * 10)
    text = shown(result, monkeypatch, capsys, plot=True)
    sentences = {*result.verdict.further, *result.verdict.warnings, result.verdict.sentence}
    tables = [line for line in text.splitlines() if line.removeprefix("! ") not in sentences][1:]
    assert max(map(len, tables)) <= 80
    assert "…" not in text
    assert "nan" not in text.lower().replace("finan", "")
    cells = {cell for line in tables for cell in line.split()}
    held = result.statistics.held
    assert {f"{held.net.mean * 100:+.2f}", f"{held.as_good:.2f}", "-99.9", "+123.4", "-12.3", "-101.2"} <= cells
    assert "No room for" in text
    assert "drawdown %, turnover times a year" in text
    wide = shown(result, monkeypatch, capsys, width=160)
    assert "No room for" not in wide
    assert "104" in {cell for line in wide.splitlines() for cell in line.split()}


def test_without_utf_8_it_is_ascii(store: Path) -> None:
    # A process of its own: the encoding is chosen when Python starts.
    words = ("--top", "2", "--from", "2022-07-15", "--plot", "--no-models")
    done = subprocess.run(
        [sys.executable, "-m", "tapescan", "replay", "--store", str(store), *words],
        env=os.environ | {"PYTHONIOENCODING": "ascii", "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert "?" not in done.stdout
    assert "*** picks, net" in done.stdout
    assert " |" in done.stdout


def test_json_is_complete_and_finite_and_the_page_is_written_too(store: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    words = ("--top", "2", "--from", "2022-07-15", "--json", "--html", str(page), "--compare", "nr7", "--no-models")
    done = tapescan("replay", "--store", str(store), *words)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout, parse_constant=refused)
    assert {*found} == {*ReplayResult.__struct_fields__} - {"picks"}
    assert [one["name"] for one in found["comparison"]["rows"]] == ["profile swing", "nr7"]
    assert len(found["curves"]) > 1
    assert {"net", "eligible", "matched_low"} <= {*found["curves"][0]}
    assert found["statistics"]["horizons"]["5"]["net_over_index"]["mean"] is None
    assert f"written to {page}" in done.stderr
    assert Page(page.read_text(encoding="utf-8")).tags.count("figure") == 8


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_trades_are_written_one_a_row(store: Path, tmp_path: Path, kind: str) -> None:
    file, picks = tmp_path / f"trades.{kind}", tmp_path / "picks.parquet"
    words = ("--plan", "--top", "2", "--from", "2022-07-15", "--no-models", "--output", str(picks))
    done = tapescan("replay", "--store", str(store), *words, "--trades", str(file))
    assert done.returncode == 0, done.stderr
    assert f"written to {file}" in done.stderr
    found = pl.read_csv(file, try_parse_dates=True) if kind == "csv" else pl.read_parquet(file)
    assert found.columns == [*TRADED]
    whole = pl.read_parquet(picks).filter(pl.col("fill").is_in(["filled", "unfinished"]))
    assert len(found) == len(whole) > 10
    assert found["symbol"].to_list() == whole["symbol"].to_list()
    assert found["r"].to_list() == pytest.approx(whole["r"].to_list())
    assert (found["entry_day"] > found["session"]).all()
    assert (found["exit_day"] >= found["entry_day"]).all()
    assert {"stop", "target", "time"} <= {*found["exit_reason"]}


def test_trades_that_are_none_are_one_line_and_no_file(store: Path, tmp_path: Path) -> None:
    """The next session, in which the picks would be entered, is not there yet."""
    trades, picks = tmp_path / "trades.csv", tmp_path / "picks.csv"
    newest = str(pl.read_parquet(store.parent / "bars.parquet")["session"].max())
    words = ("--top", "2", "--from", newest, "--no-models", "--output", str(picks), "--trades", str(trades))
    done = tapescan("replay", "--store", str(store), *words)
    assert done.returncode == 2
    said = "--trades: none of 2 picks was entered; the session after them is not in the data yet: replay earlier ones"
    assert said in one_line(done)
    assert not trades.exists()
    assert not picks.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--plot", "--json"), "--plot and --json are both given"),
        (("--compare", "nowhere"), "--compare: unknown screen or profile 'nowhere'"),
        (("--html", "nowhere/page.html"), "--html nowhere/page.html cannot be written"),
        (("--output", "picks.xlsx"), "--output picks.xlsx"),
        (("--trades", "trades.json"), "--trades trades.json"),
        (("--trades", "nowhere/trades.csv"), "--trades nowhere/trades.csv cannot be written"),
        (("--daily", "nowhere/daily.csv"), "--daily nowhere/daily.csv cannot be written"),
    ],
)
def test_what_makes_no_sense_is_one_line_before_any_work(store: Path, words: tuple[str, ...], said: str) -> None:
    done = tapescan("replay", "--store", str(store), *words)
    assert done.returncode == 2
    assert said in one_line(done)
    assert "reading" not in done.stderr


def test_a_stage_says_how_long_it_still_takes() -> None:
    now = [100.0]
    pace = Pace(lambda: now[0])
    assert pace.ends(0, 10, "one") is None
    now[0] = 100.5
    assert pace.ends(1, 10, "one") is None  # too early to say
    now[0] = 104.0
    assert pace.ends(4, 10, "one") == pytest.approx(110.0)
    now[0] = 106.0
    assert pace.ends(4, 10, "two") is None  # a new stage begins with what is done already
    now[0] = 108.0
    assert pace.ends(6, 10, "two") == pytest.approx(112.0)
    assert pace.ends(0, 10, "two") is None  # and the same one again
    now[0] = 110.0
    assert pace.ends(5, 10, "two") == pytest.approx(112.0)
    assert pace.ends(5, 0, "two") is None  # nobody knows the end


def test_the_line_of_progress_tells_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from tapescan.interfaces.cli import console

    file = io.StringIO()
    monkeypatch.setattr(console, "errors", lambda: console._Clean(file=file, force_terminal=True, width=100))
    monkeypatch.setattr(console, "SETTLED", 0.0)
    with progress_line() as progress:
        progress(0, 1_000_000, "counting")
        progress(1, 1_000_000, "counting")
    assert "left" in file.getvalue()
