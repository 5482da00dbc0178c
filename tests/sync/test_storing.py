"""What the store keeps of what a sync brings: what was fetched, what a vendor took back, what two sources say."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest

from tapescan.store import Fetched, Step, Store, committing
from tapescan.store import fetched as fetched_module
from tests.sync.vendor import FRIDAY, NOW, WEEK, bars_of


class TestMemory:
    """What was fetched is remembered if and only if its data are stored."""

    def test_a_fetch_without_its_data_does_not_count(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        def killed(*_args: object, **_more: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("tapescan.store.fetched.commit_batch", killed)
        with pytest.raises(KeyboardInterrupt):
            self._add(store)
        assert store.fetches().is_empty()

    def test_a_fetch_with_its_data_counts_before_and_after_settling(self, store: Store) -> None:
        self._add(store)
        before = store.fetches()
        assert before["key"].to_list() == [f"bars/{FRIDAY}"]
        store.settle()
        assert store.fetches().equals(before)

    def test_an_answer_that_there_is_nothing_is_remembered_too(self, store: Store) -> None:
        fetched = Fetched("bars/x", "bars", NOW, 1, 0)
        store.add({"bars": bars_of(FRIDAY).clear()}, "massive", step=Step("run", 0), fetched=[fetched])
        assert store.fetches()["key"].to_list() == ["bars/x"]
        assert store.is_empty()

    def test_what_another_sync_has_under_way_is_not_forgotten(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between its fetches and its data: a settling by somebody else leaves them, and its data make them count."""
        other = Fetched(f"bars/{WEEK[0]}", "bars", dt.datetime.now(dt.UTC), 1, 20)
        committed = committing.commit_batch

        def settled(*arguments: Any, **more: Any) -> None:
            monkeypatch.setattr(fetched_module, "commit_batch", committed)
            self._add(store)
            store.settle()
            committed(*arguments, **more)

        monkeypatch.setattr(fetched_module, "commit_batch", settled)
        store.add({"bars": bars_of(WEEK[0])}, "massive", step=Step("other", 0), fetched=[other])
        assert sorted(store.fetches()["key"]) == sorted([f"bars/{WEEK[0]}", f"bars/{FRIDAY}"])

    def test_what_was_cut_off_long_ago_is_forgotten(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        now = dt.datetime.now(dt.UTC)
        ages = {"young": dt.timedelta(hours=5), "old": dt.timedelta(hours=7)}

        def killed(*_args: object, **_more: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as kill:
            kill.setattr(fetched_module, "commit_batch", killed)
            for name, age in ages.items():
                fetched = Fetched(f"bars/{name}", "bars", now - age, 1, 20)
                with pytest.raises(KeyboardInterrupt):
                    store.add({"bars": bars_of(WEEK[0])}, "massive", step=Step(name, 0), fetched=[fetched])
        self._add(store)
        store.settle()
        kept = store._open("fetches").read()
        assert sorted(kept["key"]) == sorted(["bars/young", f"bars/{FRIDAY}"])
        assert store.fetches()["key"].to_list() == [f"bars/{FRIDAY}"]

    @staticmethod
    def _add(store: Store) -> None:
        fetched = Fetched(f"bars/{FRIDAY}", "bars", NOW, 1, 20)
        store.add({"bars": bars_of(FRIDAY)}, "massive", step=Step("run", 0), fetched=[fetched])


def test_a_moved_split_is_withdrawn(store: Store) -> None:
    whole = {"splits": (dt.date(2026, 1, 1), FRIDAY)}
    first = pl.DataFrame({"symbol": ["A", "B"], "ex_date": [WEEK[0], WEEK[1]], "ratio": [4.0, 2.0]})
    moved = pl.DataFrame({"symbol": ["A", "B"], "ex_date": [WEEK[2], WEEK[1]], "ratio": [4.0, 2.0]})
    file = pl.DataFrame({"symbol": ["C"], "ex_date": [WEEK[0]], "ratio": [3.0]})
    store.add({"splits": file}, "file", step=Step("file", 0))
    store.add({"splits": first}, "massive", step=Step("one", 0), covers=whole)
    versions = store.versions()
    report = store.add({"splits": moved}, "massive", step=Step("two", 0), covers=whole)
    assert store.known().read("splits").select("symbol", "ex_date").rows() == [
        ("A", WEEK[2]),
        ("B", WEEK[1]),
        ("C", WEEK[0]),
    ]
    assert "1 withdrawn by massive: A 2026-11-16" in str(report)
    assert len(store.at(versions).known().read("splits")) == 3
    # An answer that lost nearly all is not believed.
    many = pl.DataFrame({"symbol": [f"D{i}" for i in range(50)], "ex_date": [WEEK[1]] * 50, "ratio": [2.0] * 50})
    store.add({"splits": many}, "massive", step=Step("three", 0), covers={})
    report = store.add({"splits": moved}, "massive", step=Step("four", 0), covers=whole)
    assert len(store.known().read("splits")) == 53
    assert "all are kept" in str(report)


def test_two_sources_of_facts_do_not_add_up(store: Store) -> None:
    def fact(value: float) -> pl.DataFrame:
        day = dt.date(2026, 3, 31)
        row = {"company": "1", "item": "assets", "start": None, "end": day, "value": value, "filed": day}
        return pl.DataFrame([{**row, "known_at": dt.date(2026, 4, 1), "form": "10-Q"}])

    for round_number in range(3):
        store.add({"facts": fact(100.0)}, "sec", step=Step("sec", round_number))
        store.add({"facts": fact(90.0)}, "massive", step=Step("massive", round_number))
    assert len(store.known().read("facts")) == 2
