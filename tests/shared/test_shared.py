"""What holds for files and for Redis alike: topics, their newest, and who is alone."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tapescan.core.errors import OptionError
from tapescan.shared.local import Local
from tapescan.shared.seam import Shared

Views = Callable[[], Shared]

pytestmark = pytest.mark.usefixtures("cache")


def test_the_newest_of_a_topic_is_seen_by_others(both: Views) -> None:
    ours, theirs = both(), both()
    assert theirs.newest("scan") is None
    assert ours.publish("scan", b"first\nline").number == 1
    assert ours.publish("scan", bytes(range(256))).number == 2
    found = theirs.newest("scan")
    assert found is not None
    assert (found.topic, found.number, found.document) == ("scan", 2, bytes(range(256)))
    assert found.at.tzinfo is not None
    assert theirs.newest("scan", after=2) is None
    assert theirs.newest("other") is None


def test_who_waits_is_told_at_once(both: Views) -> None:
    ours, theirs = both(), both()
    number = ours.publish("scan", b"old").number
    later = threading.Timer(0.4, lambda: ours.publish("scan", b"new"))
    begun = time.monotonic()
    later.start()
    found = theirs.newest("scan", after=number, wait=10.0)
    assert found is not None
    assert found.document == b"new"
    assert 0.3 < time.monotonic() - begun < 2.0
    begun = time.monotonic()
    assert theirs.newest("scan", after=found.number, wait=0.3) is None
    assert 0.25 < time.monotonic() - begun < 1.5


def test_publications_at_once_each_have_a_number(both: Views) -> None:
    def many() -> None:
        view = both()
        numbers.extend(view.publish("scan", b"x").number for _ in range(20))

    numbers: list[int] = []
    threads = [threading.Thread(target=many) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(numbers) == list(range(1, 81))


def test_one_alone_has_a_lock(both: Views) -> None:
    ours, theirs = both(), both()
    with ours.lock("evening") as alone:
        assert alone
        with theirs.lock("evening") as second:
            assert not second
        with theirs.lock("morning") as other:
            assert other
    with theirs.lock("evening") as again:
        assert again


def test_a_lock_is_free_again_after_an_error(both: Views) -> None:
    with pytest.raises(ZeroDivisionError), both().lock("evening"):
        _ = 1 / 0
    with both().lock("evening") as alone:
        assert alone


def test_a_lock_of_files_is_free_when_its_process_is_killed() -> None:
    code = (
        "import sys, time; from tapescan.shared.local import Local\n"
        "with Local().lock('evening') as alone: print(alone, flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "True\n"
    with Local().lock("evening") as alone:
        assert not alone
    holder.kill()
    holder.communicate()
    with Local().lock("evening") as alone:
        assert alone


@pytest.mark.parametrize("name", ["", "../elsewhere", "a/b", "a b", ".hidden", "x" * 101, "a\n", "scan:*"])
def test_what_is_no_name_is_refused(both: Views, name: str) -> None:
    view = both()
    with pytest.raises(OptionError, match="no name of a topic or lock"):
        view.publish(name, b"")
    with pytest.raises(OptionError, match="no name of a topic or lock"):
        view.newest(name)
    with pytest.raises(OptionError, match="no name of a topic or lock"), view.lock(name):
        pass


def test_what_a_power_cut_left_empty_is_nothing(tmp_path: Path) -> None:
    view = Local(tmp_path)
    view.publish("scan", b"a list")
    (found,) = (tmp_path / "shared" / "scan").glob("newest")
    found.write_bytes(b"")
    assert view.newest("scan") is None
    assert view.publish("scan", b"another").document == b"another"
