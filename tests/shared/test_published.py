"""Results that one process finds and another one reads."""

from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path

import msgspec
import pytest

import tapescan
from tapescan.core.errors import FileError, OptionError
from tapescan.shared.chosen import shared
from tests.commands import tapescan as command
from tests.conftest import random_bars
from tests.shared.conftest import RedisServer

#: Nobody else's, for the folder is that of all tests: a scan needs its kernels.
TOPIC, NOTE = f"evening-{uuid.uuid4().hex}", f"note-{uuid.uuid4().hex}"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    tapescan.import_bars(random_bars(symbols=25, sessions=300, seed=5), store=tmp_path / "store")
    return tmp_path / "store"


def test_a_watched_list_is_read_by_another_process(
    store: Path, server: RedisServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "tapescan.toml").write_text(f'redis = "{server.address}"\n')
    monkeypatch.chdir(tmp_path)
    options = ("--store", str(store), "--times", "0", "--publish", TOPIC, "--top", "5", "--no-models")
    done = command("watch", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = tapescan.newest_result(TOPIC)
    assert found is not None
    assert found.number == 1
    expected = tapescan.scan_market(store, models=False).to_dict(5)
    assert found.document["rows"] == msgspec.json.decode(msgspec.json.encode(expected["rows"]))
    assert tapescan.newest_result(TOPIC, after=found.number, wait=0.05) is None


def test_one_process_alone_publishes_a_topic(store: Path) -> None:
    with shared().lock(f"publishing-{TOPIC}") as alone:
        assert alone
        done = command("watch", "--store", str(store), "--times", "0", "--publish", TOPIC, "--no-models")
    assert done.returncode == 2
    assert f"another process publishes as {TOPIC}" in done.stderr


def test_what_is_published_is_a_result_or_told() -> None:
    made = tapescan.publish_result(NOTE, {"rows": [1.5, None]})
    found = tapescan.newest_result(NOTE)
    assert found == made
    shared().publish(NOTE, b"no JSON")
    with pytest.raises(FileError, match=f"what is published as {NOTE} is no result"):
        tapescan.newest_result(NOTE)
    with pytest.raises(OptionError, match="give seconds"):
        tapescan.newest_result(NOTE, wait=-1.0)


def test_nothing_of_redis_is_loaded_without_the_setting() -> None:
    code = "import sys, tapescan; tapescan.newest_result('x'); print('redis' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
