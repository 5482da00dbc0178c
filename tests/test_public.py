"""The public surface: names, lazy imports, settings and errors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import tapescan
from tapescan.core.errors import FileError, InputError, OptionError, StoreError, TapescanError, nearest
from tapescan.core.settings import load_settings


def test_the_public_names_are_these() -> None:
    assert tapescan.__all__ == [
        "BreadthResult",
        "ExpressedPlan",
        "LiveMinute",
        "Market",
        "NamedScreen",
        "Profile",
        "ProfileCheck",
        "ReplayResult",
        "ScanResult",
        "Settings",
        "Store",
        "TapescanError",
        "__version__",
        "accept_bars",
        "all_columns",
        "breadth_market",
        "check_profile",
        "compute_features",
        "examine_store",
        "explain_symbol",
        "express_plan",
        "find_record",
        "follow_market",
        "import_bars",
        "import_files",
        "judge_chances",
        "judge_cone",
        "judge_stored",
        "load_market",
        "load_profile",
        "load_screen",
        "load_settings",
        "look_at_files",
        "mend_store",
        "newest_result",
        "open_store",
        "plan_sync",
        "publish_result",
        "read_list",
        "recalibrate_cone",
        "record_scan",
        "registry",
        "replay_market",
        "scan_market",
        "simulate",
        "sync_store",
        "train_models",
        "undo_mending",
        "watch_market",
        "write_list",
    ]
    for name in tapescan.__all__:
        assert getattr(tapescan, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        _ = tapescan.nonsense


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = ("numpy", "numba", "polars", "deltalake", "pandas", "rich", "aiohttp", "yfinance", "xgboost", "sklearn")
    code = f"import sys, tapescan; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_scan_needs_neither_pandas_nor_the_exchange_library_twice() -> None:
    # pandas comes with exchange_calendars only; once the sessions are kept on disk, neither is imported.
    code = (
        "import sys; from tapescan.history.market import simulated_market; simulated_market(symbols=60, sessions=90);"
        "print([m for m in ('pandas', 'exchange_calendars', 'deltalake', 'aiohttp') if m in sys.modules])"
    )
    for _ in range(2):
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_errors_are_one_line_with_a_hint() -> None:
    assert str(FileError("a.csv: row 3\nis odd", "mend it")) == "a.csv: row 3 is odd; mend it"
    for kind in (FileError, OptionError):
        assert issubclass(kind, InputError)
    assert issubclass(StoreError, TapescanError)
    assert nearest("swng", ["swing", "position"]) == "did you mean swing?"
    assert nearest("qqqq", ["swing"]) == ""


def test_settings_file_then_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STORE", "PROFILE", "TOP", "ADJUST"):
        monkeypatch.delenv(f"TAPESCAN_{name}", raising=False)
    assert load_settings(tmp_path).top == 20
    (tmp_path / "tapescan.toml").write_text('store = "market"\ntop = 7\n')
    assert (load_settings(tmp_path).store, load_settings(tmp_path).top) == ("market", 7)
    monkeypatch.setenv("TAPESCAN_TOP", "9")
    assert load_settings(tmp_path).top == 9


@pytest.mark.parametrize("text", ["top = 0", "top = 'x'", "tops = 3", "top ="])
def test_a_broken_settings_file_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "tapescan.toml").write_text(text)
    with pytest.raises(FileError, match=r"tapescan\.toml") as caught:
        load_settings(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_broken_variable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAPESCAN_ADJUST", "everything")
    with pytest.raises(OptionError, match="TAPESCAN_ADJUST"):
        load_settings(tmp_path)
