"""The same store at an S3 address, against a server of S3's interface on this machine."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from tapescan.core.errors import StoreError
from tapescan.importing.importing import import_files
from tapescan.market.quality import BAR_COLUMNS
from tapescan.store import Store
from tests.conftest import random_bars

moto_server = pytest.importorskip("moto.server", reason="moto is not installed: the store on S3 was not run")

BARS = random_bars(symbols=10, sessions=300, seed=3).select(BAR_COLUMNS)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = moto_server.ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ALLOW_HTTP": "true",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    request = urllib.request.Request(f"http://{host}:{port}/market", method="PUT")
    urllib.request.urlopen(request).close()  # noqa: S310 (our own server)
    yield "s3://market"
    server.stop()


def test_a_store_on_s3_behaves_as_one_in_a_folder(bucket: str, tmp_path: Path) -> None:
    store = Store(f"{bucket}/store/")
    assert not store.exists()
    with pytest.raises(StoreError, match="holds no bars"):
        store.known().bars()
    more = BARS.with_columns(symbol="Z" + pl.col("symbol"))
    for name, frame in {"a": BARS, "b": more}.items():
        frame.write_parquet(tmp_path / f"{name}.parquet")
    assert import_files(store, [tmp_path / "a.parquet"]).new == len(BARS)
    assert store.known().bars().equals(BARS)
    before = store.versions()
    with ThreadPoolExecutor(3) as pool:
        reports = list(pool.map(lambda _: import_files(store, [tmp_path / "b.parquet"]), range(3)))
    assert sorted(report.new for report in reports) == [0, 0, len(more)]
    assert store.known().bars().equals(pl.concat([BARS, more]))
    assert store.at(before).known().bars().equals(BARS)
    assert store.versions() == {"bars": 1}
    # Trials are written down there too, by whoever trains.
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda number: store.log_trial("ridge", 5, str(number), "{}"), range(6)))
    assert sorted(store.trials()["configuration"]) == [*"012345"]
    assert store.identity == Store(store.path).identity != ""


def test_an_unreachable_s3_store_is_one_clear_line(bucket: str, tmp_path: Path) -> None:
    BARS.write_parquet(tmp_path / "a.parquet")
    with pytest.raises(StoreError, match="check the address, the credentials"):
        import_files(Store("s3://no-such-bucket/store"), [tmp_path / "a.parquet"])
