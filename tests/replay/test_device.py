"""A replay on a GPU: its values are the processor's within the tolerance, it says what computed it, and nothing that
is kept has a part in both."""

from __future__ import annotations

import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import tapescan
from tapescan.api.replaying import NO_RECORD
from tapescan.core import cuda
from tapescan.core.errors import OptionError
from tapescan.replay import replay as replaying
from tapescan.simulation.market import simulate
from tapescan.store import Store
from tests.features.test_device import simulated
from tests.replay.replays import HOW, market


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Few symbols, of which one misses sessions."""
    bars = simulate(symbols=14, sessions=210, seed=5).bars.filter(pl.col("close") > 0.0)
    number = pl.col("session").rank("dense").cast(pl.Int64)
    folder = tmp_path_factory.mktemp("device") / "store"
    tapescan.import_bars(
        bars.filter(~((pl.col("symbol") == bars["symbol"][0]) & (number % 30 == 0))), store=Store(folder)
    )
    return folder


def files(store: Path) -> dict[str, str]:
    """All that lies in a store's folder, but for the log of trials, by its bytes."""
    found = (one for one in sorted(store.rglob("*")) if one.is_file() and "trials" not in str(one))
    return {str(one.relative_to(store)): sha256(one.read_bytes()).hexdigest() for one in found}


def alike(one: Any, other: Any) -> None:
    """Equal, numbers within 1e-9; the device and notes aside."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for name in one.keys() - {"device", "notes"}:
            alike(one[name], other[name])
    elif isinstance(one, list):
        assert len(one) == len(other)
        for mine, theirs in zip(one, other, strict=True):
            alike(mine, theirs)
    elif isinstance(one, float) and isinstance(other, float):
        assert one == pytest.approx(other, rel=1e-9, abs=1e-9, nan_ok=True)
    else:
        assert one == other


@pytest.mark.long
def test_a_simulated_gpu_replays_what_the_processor_does_and_leaves_nothing_behind(store: Path) -> None:
    by_processor = simulated("replay", str(store), "cpu")
    kept = files(store)
    assert any("replays" in name for name in kept)
    by_gpu = simulated("replay", str(store), "cuda")
    assert by_gpu["picks"]
    alike(by_processor["picks"], by_gpu["picks"])
    ours, theirs = (found["said"]["provenance"] for found in (by_processor, by_gpu))
    assert (ours["device"], theirs["device"]) == ("cpu", "cuda")
    assert NO_RECORD in by_gpu["notes"]
    assert NO_RECORD not in by_processor["notes"]
    assert files(store) == kept


def test_without_a_gpu_one_line_says_so_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NUMBA_ENABLE_CUDASIM", raising=False)
    with pytest.raises(OptionError, match="device cuda: no GPU is found here"):
        tapescan.replay_market("/no/such/store", device="cuda")
    with pytest.raises(OptionError, match="give one of cpu, cuda"):
        tapescan.replay_market(market(), device="gpu", **HOW)  # type: ignore[arg-type]


def test_without_the_library_the_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba_cuda", None)
    monkeypatch.setattr(cuda, "_cuda", cuda._cuda.__wrapped__)
    with pytest.raises(OptionError, match=r"numba-cuda is not installed; pip install 'tapescan\[cuda\]'"):
        tapescan.replay_market(market(), device="cuda", **HOW)  # type: ignore[arg-type]


class Elsewhere:
    """An engine on other machines."""

    apart = True


def test_other_machines_are_not_asked_for_their_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "check_gpu", lambda: None)
    with pytest.raises(OptionError, match="on this machine, and sessions are replayed on others"):
        tapescan.replay_market(market(), device="cuda", engine=Elsewhere(), **HOW)  # type: ignore[arg-type]


def test_what_a_gpu_computed_is_verified_within_the_tolerance() -> None:
    one = pl.DataFrame({"symbol": ["A", "B"], "rsi_14": [30.0, None], "rank": [1, 2]})
    near, far = (one.with_columns(pl.col("rsi_14") * (1.0 + apart)) for apart in (1e-10, 1e-7))
    assert replaying._nearly(one, near)
    assert not one.equals(near)
    assert not replaying._nearly(one, far)
    assert not replaying._nearly(one, one.with_columns(pl.col("rank") + 1))


def test_the_processors_replay_says_so() -> None:
    from tests.replay.replays import replayed

    assert replayed().provenance["device"] == "cpu"
