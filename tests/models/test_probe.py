"""Cards are bound to what features are, not to how they are written down."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest

import tapescan
from tapescan.core.errors import ModelError
from tapescan.features.plan import _planned, plan_features
from tapescan.features.warm import warm_up
from tapescan.indicators import registry
from tapescan.market.quality import check_bars
from tapescan.models.registry import probe
from tapescan.models.registry.cards import read_cards, save_model
from tapescan.models.registry.probe import check_probe, probe_values
from tapescan.models.samples.inputs import model_features
from tests.models.records import CARD

FEATURES = model_features()
SOURCE = Path(str(tapescan.__file__)).parent


@pytest.fixture(autouse=True)
def _fresh() -> Any:
    """Nothing of the probe is remembered from another test, nor by another one."""
    probe_values.cache_clear()
    yield
    probe_values.cache_clear()


def test_the_probe_is_a_market_of_sound_bars() -> None:
    bars = probe._bars(probe.SESSIONS)
    good, refused, _ = check_bars(bars)
    assert len(refused) == 0
    assert len(good) == probe.SYMBOLS * probe.SESSIONS - probe.LISTED_LATE
    # After the splits: nothing jumps.
    moves = bars.sort("symbol", "session").select((pl.col("close") / pl.col("close").shift()).over("symbol"))
    assert moves.to_series().is_between(0.8, 1.25).sum() == len(bars) - probe.SYMBOLS


def test_every_feature_has_values_that_differ() -> None:
    for name, values in probe_values(FEATURES).items():
        known = [value for value in values if value is not None]
        assert len(known) >= probe.SYMBOLS - 1, name
        assert len(set(known)) > 2, name


def test_a_feature_that_looks_far_back_has_values_too() -> None:
    (values,) = probe_values(("percent_rank_1000",)).values()
    assert None not in values[:-1]


def test_the_probe_is_computed_once_and_again_the_same() -> None:
    first = probe_values(FEATURES)
    assert probe_values(FEATURES) is first
    probe_values.cache_clear()
    assert probe_values(FEATURES) == first


def test_values_survive_the_disk() -> None:
    kept = msgspec.json.decode(msgspec.json.encode(probe_values(FEATURES)), type=dict[str, probe.Values])
    check_probe(FEATURES, kept)


class Altered:
    """A kernel whose outputs are changed afterwards."""

    def __init__(self, kernel: Any, change: Callable[[np.ndarray[Any, Any]], None], outputs: slice) -> None:
        self.kernel, self.change, self.outputs = kernel, change, outputs

    def compile(self, signature: Any) -> None:
        self.kernel.compile(signature)

    def __call__(self, *arguments: Any) -> None:
        self.kernel(*arguments)
        for output in arguments[self.outputs]:
            self.change(output)


@pytest.fixture(autouse=True)
def plans() -> Iterator[None]:
    yield
    _planned.cache_clear()


def alter(monkeypatch: pytest.MonkeyPatch, name: str, change: Callable[[np.ndarray[Any, Any]], None]) -> None:
    one = registry[name]
    begin = len(one.inputs) + (4 if one.recursive else 2)
    _planned.cache_clear()  # plans keep the kernels that they were made with
    changed = Altered(one.kernel, change, slice(begin, begin + len(one.outputs)))
    monkeypatch.setitem(one.__dict__, "kernel", changed)


def test_a_changed_kernel_is_seen_and_its_column_named(monkeypatch: pytest.MonkeyPatch) -> None:
    then = probe_values(("ret_5", "rsi_14", "natr_14"))
    probe_values.cache_clear()
    alter(monkeypatch, "rsi", lambda out: np.multiply(out, 1.0 + 1e-5, out=out))
    with pytest.raises(ModelError, match="feature rsi_14 is computed otherwise than in its training; train again"):
        check_probe(("ret_5", "rsi_14", "natr_14"), then)
    check_probe(("ret_5", "natr_14"), then)


def test_several_changed_features_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    then = probe_values(("rsi_2", "ret_5", "rsi_14"))
    probe_values.cache_clear()
    alter(monkeypatch, "rsi", lambda out: np.subtract(100.0, out, out=out))
    with pytest.raises(ModelError, match=r"feature rsi_2 \(and 1 more\) is computed otherwise"):
        check_probe(("rsi_2", "ret_5", "rsi_14"), then)


def test_the_last_bits_are_no_change_and_one_symbol_without_a_value_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other processors round the last of sixteen digits otherwise; 1e-9 is far more than that."""
    then = probe_values(FEATURES)
    for name in {one.indicator.name for one in plan_features(FEATURES).steps}:
        with monkeypatch.context() as patch:
            probe_values.cache_clear()
            alter(patch, name, lambda out: np.multiply(out, 1.0 + 1e-9, out=out))
            check_probe(FEATURES, then)
    probe_values.cache_clear()
    alter(monkeypatch, "beta", lambda out: out.__setitem__((-1, 3), np.nan))
    with pytest.raises(ModelError, match="feature beta_"):
        check_probe(FEATURES, then)


@pytest.mark.parametrize("changed", ["adjust_bars", "build_panel"])
def test_what_feeds_the_kernels_is_seen_as_well(changed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    then = probe_values(FEATURES)
    probe_values.cache_clear()
    whole = getattr(probe, changed)

    def without_splits(bars: pl.DataFrame, splits: pl.DataFrame, *others: Any) -> pl.DataFrame:
        found: pl.DataFrame = whole(bars, splits.clear(), *others)
        return found

    def late(bars: pl.DataFrame) -> Any:
        return whole(bars.filter(pl.col("session") < pl.col("session").max()))

    monkeypatch.setattr(probe, changed, {"adjust_bars": without_splits, "build_panel": late}[changed])
    with pytest.raises(ModelError, match="is computed otherwise"):
        check_probe(FEATURES, then)


def test_a_name_that_is_no_feature_any_more_is_said() -> None:
    with pytest.raises(ModelError, match="it takes what is no feature any more: unknown feature 'rsy_14'"):
        check_probe(("rsy_14",), {"rsy_14": (1.0,)})


def test_a_card_without_a_features_values_is_not_served() -> None:
    with pytest.raises(ModelError, match="feature ret_5 is computed otherwise"):
        check_probe(("rsi_14", "ret_5"), probe_values(("rsi_14",)))


def saved(folder: Path) -> None:
    features = ("rsi_2", "ret_5")
    card = msgspec.structs.replace(CARD, kind="momentum", features=features, probe=probe_values(features))
    save_model(folder, card, b"{}")


@pytest.mark.parametrize(
    ("file", "before", "after", "said"),
    [
        ("indicators/momentum.py", "", "\n# Another remark.\n", ""),
        ("market/panel.py", "", "\n# Another remark.\n", ""),
        ("indicators/oscillators.py", "100.0 * (gain", "100.1 * (gain", "feature rsi_2 is computed otherwise"),
    ],
)
@pytest.mark.long
def test_an_edited_remark_refuses_nothing_and_an_edited_number_does(
    file: str, before: str, after: str, said: str, tmp_path: Path
) -> None:
    saved(tmp_path / "models")
    shutil.copytree(SOURCE, tmp_path / "copy" / "tapescan", ignore=shutil.ignore_patterns("__pycache__"))
    path = tmp_path / "copy" / "tapescan" / file
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after) if before else text + after, encoding="utf-8")
    code = (
        "import sys; from pathlib import Path; from tapescan.models.registry.cards import read_cards;"
        f"stored, refused = read_cards(Path({str(tmp_path / 'models')!r}));"
        "print([one.card.name for one in stored], [one.reason for one in refused])"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "copy"), "TAPESCAN_CACHE": str(tmp_path / "cache")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    if said:
        assert done.stdout.startswith("[] ")
        assert said in done.stdout
    else:
        assert done.stdout.strip() == "['momentum_5'] []"


def test_the_probe_reads_no_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    saved(tmp_path)
    warm_up(plan_features(("rsi_2", "ret_5")))
    probe_values.cache_clear()
    read: list[str] = []
    whole = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path.suffix) or whole(path))  # type: ignore[func-returns-value]
    assert [one.card.name for one in read_cards(tmp_path)[0]] == ["momentum_5"]
    assert set(read) == {".json"}
