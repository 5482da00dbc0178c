"""As `test_resident`: whatever happens, in any order."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import tapescan
from tapescan.core.errors import OptionError
from tests.history.kept import DAYS, SESSIONS, STORED, Kept, listing, of_day, put, split, spy_of, upto, walks


class World:
    """A store to which something happens."""

    def __init__(self, path: Path, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        whole = walks(symbols=26, seed=seed)
        missed = pl.Series(self.rng.random(len(whole)) < 0.02)
        self.whole = pl.concat([whole.filter(~missed), spy_of(whole)])
        self.symbols = self.whole["symbol"].unique().sort().to_list()
        self.at = STORED
        self.kept = Kept(path, upto(self.whole, STORED), listing(self.symbols[:9]))

    def a_symbol(self) -> str:
        return str(self.rng.choice(self.symbols))

    def session(self) -> None:
        self.at += 1
        day = of_day(self.whole, self.at)
        put(self.kept.store, day.filter(pl.Series(self.rng.random(len(day)) > 0.05)))

    def late(self) -> None:
        day = of_day(self.whole, self.at - int(self.rng.integers(0, 3)))
        put(self.kept.store, day)

    def correction(self) -> None:
        rows = upto(self.whole, self.at).sample(3, seed=int(self.rng.integers(1 << 30)))
        factor = float(self.rng.choice([1.0, 1.0, 30.0]))
        put(self.kept.store, rows.with_columns(close=pl.col("high") * factor, high=pl.col("high") * factor))

    def split(self) -> None:
        day = DAYS[self.at + int(self.rng.integers(-40, 4))]
        put(self.kept.store, split(self.a_symbol(), day, float(self.rng.choice([2.0, 7.0, 0.1]))))

    def listed(self) -> None:
        number = f"{int(self.rng.integers(1, 4)):010d}"
        put(self.kept.store, listing([self.a_symbol()], identifier=[number], as_of=[DAYS[self.at]]))

    def jump(self) -> None:
        mine = (pl.col("symbol") == self.a_symbol()) & (pl.col("session") > DAYS[self.at])
        away = mine & (pl.col("session") <= DAYS[min(self.at + int(self.rng.integers(1, 60)), SESSIONS - 1)])
        prices = [pl.when(mine).then(pl.col(one) * 5.0).otherwise(one).alias(one) for one in ("open", "high")]
        prices += [pl.when(mine).then(pl.col(one) * 5.0).otherwise(one).alias(one) for one in ("low", "close")]
        self.whole = self.whole.filter(~away).with_columns(prices)

    def sessions(self) -> None:
        self.at += int(self.rng.integers(1, 30))
        newest = self.kept.store.known().newest_session
        put(self.kept.store, upto(self.whole, self.at).filter(pl.col("session") > newest))

    def compaction(self) -> None:
        self.kept.store.compact(dt.timedelta(days=30), apply=True)

    def acceptance(self) -> None:
        found = self.kept.market.suspects
        if len(found):
            with contextlib.suppress(OptionError):  # corrected meanwhile
                tapescan.accept_bars([found.select("symbol", "session").row(0)], self.kept.store)

    @property
    def events(self) -> list[Callable[[], None]]:
        some = [self.late, self.correction, self.split, self.listed, self.jump, self.sessions]
        return [self.session] * 4 + some + [self.compaction, self.acceptance]

    def run(self, steps: int) -> None:
        for _ in range(steps):
            if self.at > SESSIONS - 35:
                return
            many = int(self.rng.integers(1, 4))
            happened = [self.events[int(self.rng.integers(len(self.events)))] for _ in range(many)]
            for event in happened:
                event()
            self.kept.holds()


@pytest.mark.sampled(one_in=3)
@pytest.mark.parametrize("seed", range(3))
def test_anything_in_any_order(tmp_path: Path, seed: int) -> None:
    World(tmp_path / "store", seed).run(5)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 106))
def test_much_in_any_order(tmp_path: Path, seed: int) -> None:
    World(tmp_path / "store", seed).run(25)
