"""Whatever a vendor does wrong: nothing wrong is stored, nothing is lost, nothing hangs, and the report says why."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tapescan.market.quality import BAR_COLUMNS, CONFLICT
from tapescan.network.link import Patience
from tapescan.store import Store
from tapescan.sync import SyncReport, sync
from tapescan.sync.wishes import Wishes
from tapescan.vendors.seam import Plan
from tests.fakes import KEY, FakeMarket, FakeServer

FRIDAY = dt.date(2026, 11, 20)
WEEK = [dt.date(2026, 11, day) for day in (16, 17, 18, 19, 20)]
EVENING = dt.datetime(2026, 11, 20, 22, tzinfo=dt.UTC)
FREE = Plan("paid", 0, 1.0, concurrency=4)
PATIENCE = Patience(
    connect=1.0, silence=0.4, whole=3.0, attempts=3, first_wait=0.01, longest_wait=0.05, body=20_000_000
)
#: Longer than every wait that `PATIENCE` allows for one call together.
SOON = 12.0


@pytest.fixture(name="server", scope="module")
def _server() -> Iterator[FakeServer]:
    with FakeServer("massive", FakeMarket(symbols=300, sessions=20, end=FRIDAY, seed=5), limit=(0, 1)) as server:
        yield server


@pytest.fixture(autouse=True)
def _well_behaved(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TAPESCAN_MASSIVE_KEY", KEY)
    yield
    server.behave()


@pytest.fixture(name="truth", scope="module")
def _truth(server: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TAPESCAN_MASSIVE_KEY", KEY)
        store = Store(tmp_path_factory.mktemp("truth") / "store")
        assert not fetch(store, server).partial
    return store.known().bars(adjust="none")


def fetch(store: Store, server: FakeServer, **wishes: Any) -> SyncReport:
    asked = Wishes(**{"what": ("bars",), "start": WEEK[0], **wishes})
    addresses = {"": server.url, "files": server.url}
    began = time.monotonic()
    report = sync(store, asked, vendor="massive", plan=FREE, now=EVENING, patience=PATIENCE, addresses=addresses)
    assert time.monotonic() - began < SOON
    return report


#: What is done to every answer for Friday -> the reason that is reported.
REFUSED = [
    ("reset", {}, "unreachable"),
    ("cut_gzip", {}, "truncated"),
    ("hang", {}, "unreachable"),
    ("stall", {}, "unreachable"),
    ("huge", {"megabytes": 60}, "too_large"),
    ("huge", {"megabytes": 60, "compressed": True}, "too_large"),
    ("wrong_type", {}, "bad_reply"),
    ("error_200", {}, "bad_reply"),
    ("status", {"code": 500}, "server_error"),
    ("status", {"code": 503, "retry_after": 0}, "server_error"),
    ("status", {"code": 429, "retry_after": 0}, "throttled"),
    ("status", {"code": 429, "retry_after": 86_400}, "throttled"),
    ("status", {"code": 403}, "not_entitled"),
    ("redirect", {}, "bad_reply"),
    ("bad_json", {}, "bad_reply"),
    ("truncate_rows", {}, "truncated"),
    ("short_day", {}, "short_day"),
    ("wrong_date", {}, "wrong_day"),
    ("adjusted_anyway", {}, "adjusted"),
]


@pytest.mark.sampled(one_in=4)
@pytest.mark.parametrize(("kind", "how", "reason"), REFUSED, ids=str)
def test_a_wrong_answer_is_not_stored(
    kind: str, how: dict[str, Any], reason: str, server: FakeServer, truth: pl.DataFrame, tmp_path: Path
) -> None:
    store = Store(tmp_path / "store")
    server.misbehave(kind, path=str(FRIDAY), times=None, **how)
    report = fetch(store, server)
    assert report.partial
    ((failure,),) = ([*part.failures] for part in report.parts)
    assert (failure.reason, failure.sessions) == (reason, (FRIDAY,))
    assert KEY not in str(report)
    assert report.sessions().filter(pl.col("reason") != "")["session"].to_list() == [FRIDAY]
    # The other days are there, and whole.
    assert store.known().bars(adjust="none").equals(truth.filter(pl.col("session") < FRIDAY))
    # Nothing is lost: when the vendor is well again, the day comes.
    server.behave()
    assert not fetch(store, server).partial
    assert store.known().bars(adjust="none").equals(truth)


#: What is done to some answers, and does no harm.
SURVIVED = [
    ("reset", {"times": 2}),
    ("cut_gzip", {"times": 2}),
    ("hang", {"times": 1}),
    ("stall", {"times": 1}),
    ("status", {"times": 2, "code": 500}),
    ("status", {"times": 2, "code": 502}),
    ("status", {"times": 1, "code": 429, "retry_after": 1}),
    ("status", {"times": 1, "code": 429, "retry_after": 1, "retry_date": True}),
    ("slow", {"times": 1, "seconds": 0.3}),
    ("clock_off", {"times": None, "seconds": 7200}),
    ("shuffle_rows", {"times": None}),
    ("duplicate_rows", {"times": None}),
]


@pytest.mark.sampled(one_in=4)
@pytest.mark.parametrize(("kind", "how"), SURVIVED, ids=str)
def test_what_passes_does_no_harm(
    kind: str, how: dict[str, Any], server: FakeServer, truth: pl.DataFrame, tmp_path: Path
) -> None:
    store = Store(tmp_path / "store")
    server.misbehave(kind, path=str(FRIDAY), **how)
    report = fetch(store, server)
    assert not report.partial, str(report)
    assert store.known().bars(adjust="none").equals(truth)
    assert len(store.known().read("quarantine")) == 0


def test_a_clock_that_is_off_waits_by_the_vendors_own(
    server: FakeServer, truth: pl.DataFrame, tmp_path: Path
) -> None:
    """Retry-After as a date, two hours ahead of ours: a second is waited, not two hours."""
    server.misbehave("clock_off", times=None, seconds=7200)
    server.misbehave("status", path=str(FRIDAY), times=1, code=429, retry_after=1, retry_date=True)
    store = Store(tmp_path / "store")
    report = fetch(store, server)
    assert not report.partial
    assert report.parts[0].throttled == 1
    assert store.known().bars(adjust="none").equals(truth)


@pytest.mark.parametrize("kind", ["null_prices", "negative_price"])
def test_bad_rows_are_left_out_and_reported(
    kind: str, server: FakeServer, truth: pl.DataFrame, tmp_path: Path
) -> None:
    store = Store(tmp_path / "store")
    server.misbehave(kind, path=str(FRIDAY), times=None, rows=3)
    report = fetch(store, server)
    left_out = len(store.known().read("quarantine")) + sum(
        problem.reason == "refused_rows" for problem in report.parts[0].problems
    )
    assert left_out == 3
    stored = store.known().bars(adjust="none")
    assert len(stored) == len(truth) - 3
    assert stored.join(truth, on=list(BAR_COLUMNS), how="anti").is_empty()


def test_conflicting_rows_are_quarantined_not_chosen(server: FakeServer, truth: pl.DataFrame, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    server.misbehave("duplicate_rows", path=str(FRIDAY), times=None, rows=5, conflicting=True)
    report = fetch(store, server)
    refused = store.known().read("quarantine")
    assert refused["symbol"].n_unique() == 5
    assert sum(report.parts[0].stored.refused.values()) == len(refused)
    # A second row that breaks a rule by itself does not condemn the first; of two good ones neither is believed.
    unknowable = refused.filter(pl.col("reason") == CONFLICT)["symbol"].n_unique()
    stored = store.known().bars(adjust="none")
    assert len(stored) == len(truth) - unknowable
    assert stored.join(truth, on=list(BAR_COLUMNS), how="anti").is_empty()


def test_a_holiday_is_not_asked_for_and_a_weekend_is_no_hole(server: FakeServer, tmp_path: Path) -> None:
    seen = len(server.requests)
    fetch(Store(tmp_path / "store"), server, start=dt.date(2026, 11, 13))
    asked = {one.path.rpartition("/")[2] for one in server.requests[seen:]}
    assert asked == {"2026-11-13", *map(str, WEEK)}


def test_an_unknown_key_is_said_once_and_nothing_more_is_asked(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAPESCAN_MASSIVE_KEY", "a-wrong-key-0123456789")
    seen = len(server.requests)
    store = Store(tmp_path / "store")
    report = fetch(store, server)
    assert {failure.reason for failure in report.parts[0].failures} == {"bad_key"}
    assert len(server.requests) - seen <= FREE.concurrency
    assert "a-wrong-key-0123456789" not in str(report) + str(report.to_dict())
    assert not store.exists() or store.is_empty()
