"""`tapescan columns` and `profiles`, and what a shell completes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tapescan.columns.registry import all_columns, sources
from tapescan.core.errors import OptionError
from tapescan.interfaces.cli.main import app
from tapescan.scan.profile import profile_names
from tests.commands import one_line, tapescan

#: What only a scan needs.
HEAVY = ("deltalake", "exchange_calendars", "numba", "pandas", "polars", "xgboost")


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    app(args=[*arguments], standalone_mode=False)
    return capsys.readouterr().out


def test_columns_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(told(capsys, "columns", "--json"))
    assert [one["name"] for one in found] == [column.name for column in all_columns()]
    rsi = next(one for one in found if one["name"] == "rsi_14")
    assert (rsi["unit"], rsi["low"], rsi["high"], rsi["source"], rsi["type"]) == ("index", 0, 100, "bars", "Float64")
    some = json.loads(told(capsys, "columns", "--json", "--source", "statements"))
    assert {one["source"] for one in some} == {"statements"}


def test_columns_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, "columns", "--source", "factors")
    assert "factor_trend" in text
    assert f"{len(all_columns('factors'))} columns" in text
    assert "alpha_<kind>_<sessions>" in told(capsys, "columns", "--source", "forecasts")
    whole = told(capsys, "columns")
    assert all(source.name in whole for source in sources())
    assert f"{len(all_columns())} columns" in whole


def test_a_mistyped_source() -> None:
    with pytest.raises(OptionError, match="source: 'factor'; did you mean factors"):
        app(args=["columns", "--source", "factor"], standalone_mode=False)


def test_profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.toml").write_text('title = "[b]Mine"\nside = "short"\n[weights]\nmomentum = 1\n')
    (tmp_path / "swing.toml").write_text('title = "Instead"\n[weights]\nmomentum = 1\n')
    (tmp_path / "bad.toml").write_text("title = ")
    monkeypatch.setenv("TAPESCAN_PROFILES", str(tmp_path))
    found = {one["name"]: one for one in json.loads(told(capsys, "profiles", "--json"))}
    assert tuple(found) == profile_names()
    assert found["mine"] == {
        "name": "mine",
        "title": "[b]Mine",
        "side": "short",
        "file": str(tmp_path / "mine.toml"),
        "error": "",
        "record": "",
    }
    assert "after costs" in found["position"]["record"]
    assert found["swing"]["file"] == str(tmp_path / "swing.toml")
    assert found["position"]["title"].startswith("Position, 1 to 6 months")
    assert "Invalid value" in found["bad"]["error"]
    monkeypatch.setenv("COLUMNS", "400")
    text = told(capsys, "profiles")
    assert "[b]Mine" in text
    assert "cannot be used" in text
    assert str(tmp_path / "mine.toml") in text


def completed(line: str, shell: str = "bash", **environment: str) -> tuple[list[str], list[str]]:
    """What a shell is told for a command line, and which heavy packages were loaded for it."""
    code = (
        "import sys; sys.argv = ['tapescan']\n"
        "from tapescan.interfaces.cli.main import main\n"
        "try:\n    main()\n"
        f"finally:\n    print([m for m in {HEAVY} if m in sys.modules], file=sys.stderr)\n"
    )
    words = line.split(" ")
    asked = {"_TAPESCAN_COMPLETE": f"complete_{shell}", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    others = {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **asked, **others, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split(), json.loads(done.stderr.splitlines()[-1].replace("'", '"'))


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("tapescan scan --rank-by factor_v", ["factor_volatility", "factor_volume", "factor_value"]),
        ("tapescan scan --features at", ["atr_14"]),
        ("tapescan scan --features rsi_14,f_s", ["rsi_14,f_score"]),
        ("tapescan scan --features atr_14,at", []),
        ("tapescan scan --profile swi", ["swing", "swing_aggressive", "swing_conservative"]),
        ("tapescan show AAPL --profile fun", ["fundamental"]),
        ("tapescan columns --source st", ["statements"]),
        ("tapescan col", ["columns"]),
    ],
)
def test_a_shell_completes_names_without_loading_anything_heavy(line: str, names: list[str]) -> None:
    assert completed(line) == (names, [])


def test_ones_own_profiles_are_completed_and_broken_settings_complete_nothing(tmp_path: Path) -> None:
    (tmp_path / "swish.toml").touch()
    assert completed("tapescan scan --profile swis", "fish", TAPESCAN_PROFILES=str(tmp_path))[0] == ["swish"]


def test_the_shells_can_be_told(tmp_path: Path) -> None:
    assert "--install-completion" in tapescan("--help").stdout
    assert "unknown name" in one_line(tapescan("scan", "--rank-by", "fctor_trend"))
