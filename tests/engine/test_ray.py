"""The engine of several machines: the same results as on threads, in order; errors as they were raised; machines that
die, or compute other bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tapescan.core.errors import OptionError, VendorError
from tapescan.core.typing import Array, Floats
from tapescan.engine.seam import Digest, Engine
from tapescan.engine.threads import Threads
from tests.engine.clusters import LocalCluster, local_cluster
from tests.interfaces.cli.test_cli import one_line

pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("ignore::ResourceWarning")]


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with local_cluster(nodes=2) as made:
        yield made


def alike() -> Digest:
    return {"features": "the same everywhere"}


def of_process() -> Digest:
    return {"packages": "the same", "features": str(os.getpid())}


@pytest.fixture(scope="module")
def engine(cluster: LocalCluster) -> Engine:
    from tapescan.engine.ray import Ray

    return Ray(cluster.address, alike)


def squared(piece: int) -> int:
    return piece * piece


def failing(piece: str) -> str:
    if piece == "key":
        raise VendorError("massive", "no_key", "no key was found", "store one", fatal=True)
    if piece == "option":
        raise OptionError("it is wrong", "correct it", field="hold")
    return piece


def spread(piece: float, out: Floats) -> None:
    out[:] = piece


def seen(piece: tuple[Array, int]) -> tuple[int, int, bool, float]:
    """The process, where the array lies in it, whether it may be written, and its sum."""
    numbers, _ = piece
    return os.getpid(), numbers.__array_interface__["data"][0], numbers.flags.writeable, float(numbers.sum())


def marked(piece: tuple[Path, int]) -> int:
    """Says where it begins, and takes its time."""
    import ray

    folder, number = piece
    (folder / f"{number} {ray.util.get_node_ip_address()} {os.getpid()}").touch()
    time.sleep(0.5)
    return squared(number)


def breaking(piece: tuple[Path, int]) -> None:
    folder, number = piece
    (folder / str(number)).touch()
    time.sleep(0.02)
    if not number:
        raise ZeroDivisionError


def nothing(size: int) -> Floats:
    return np.zeros(size)


@pytest.mark.parametrize("many", [0, 1, 3, 100])
def test_results_come_in_the_order_of_the_pieces(engine: Engine, many: int) -> None:
    pieces = list(range(many))
    assert engine.map(squared, pieces) == Threads().map(squared, pieces)


def test_what_is_filled_lies_in_the_array_of_its_piece(engine: Engine) -> None:
    pieces = [float(one) for one in range(40)]
    here, there = np.full((40, 7), np.nan), np.full((40, 7), np.nan)
    Threads().fill(spread, pieces, list(here))
    engine.fill(spread, pieces, list(there))
    np.testing.assert_array_equal(there, here)


def test_results_are_the_callers_own(engine: Engine) -> None:
    [found] = engine.map(nothing, [10**6])
    found += 1.0
    assert found.sum() == 10**6


@pytest.mark.parametrize("piece", ["key", "option"])
def test_an_error_comes_as_it_was_raised(engine: Engine, piece: str) -> None:
    with pytest.raises(Exception) as here:  # noqa: PT011 (compared with the other below)
        Threads().map(failing, ["fine", piece])
    with pytest.raises(type(here.value)) as there:
        engine.map(failing, ["fine", piece])
    assert type(there.value) is type(here.value)
    assert str(there.value) == str(here.value)
    assert there.value.__dict__ == here.value.__dict__


def test_after_an_error_no_more_is_handed_out_and_all_goes_on(engine: Engine, tmp_path: Path) -> None:
    pieces = [(tmp_path, number) for number in range(200)]
    with pytest.raises(ZeroDivisionError):
        engine.map(breaking, pieces)
    time.sleep(1.0)
    assert len(list(tmp_path.iterdir())) < 150
    for _ in range(15):  # to cancel tasks as they end ended the whole process
        with pytest.raises(OptionError):
            engine.map(failing, ["option", *["fine"] * 30])
    assert engine.map(squared, [3]) == [9]


@pytest.mark.parametrize("writeable", [True, False])
def test_an_array_of_many_pieces_is_there_once_a_machine_and_read_only(engine: Engine, writeable: bool) -> None:
    numbers = np.random.default_rng(1).normal(size=10**6)
    numbers.flags.writeable = writeable
    before = numbers.sum()
    found = engine.map(seen, [(numbers, number) for number in range(12)])
    assert len({(process, place) for process, place, _, _ in found}) == len({process for process, _, _, _ in found})
    assert {(may, total) for _, _, may, total in found} == {(False, before)}


def test_an_array_that_was_written_since_is_sent_anew(engine: Engine) -> None:
    """Only what nobody can write is taken to be as it was, and a read-only view of another one can be written."""
    numbers = np.zeros(10**6)
    view = numbers[:]
    view.flags.writeable = False
    for total in (0.0, 1.0):
        numbers[0] = total
        assert [found[3] for found in engine.map(seen, [(numbers, 0), (view, 1)])] == [total, total]


def test_a_worker_that_computes_other_bytes_is_refused(cluster: LocalCluster, engine: Engine) -> None:
    from tapescan.engine.ray import Ray

    with pytest.raises(OptionError, match=r"the worker on 127\.0\.0\.\d does not compute .* differs in features;"):
        Ray(cluster.address, of_process).map(squared, [1, 2])


def test_a_machine_that_dies_is_replaced_by_the_others(cluster: LocalCluster, engine: Engine, tmp_path: Path) -> None:
    node = cluster.add()

    def kill() -> None:
        while not (begun := list(tmp_path.glob(f"* {node.node_ip_address} *"))):
            time.sleep(0.02)
        # A power cut takes the worker too, which would else have told its result before it sees that it is alone.
        os.kill(int(begun[0].name.split()[2]), signal.SIGKILL)
        cluster.kill(node)

    thread = threading.Thread(target=kill)
    thread.start()
    pieces = [(tmp_path, number) for number in range(60)]  # long enough that it dies at work
    found = engine.map(marked, pieces)
    thread.join()
    assert found == [squared(number) for number in range(60)]
    begun = [one.name.split()[0] for one in tmp_path.iterdir()]
    assert len(begun) > len(set(begun))  # one ran twice: it was on the machine that died


def test_pieces_are_told_of_once_each_as_they_end(engine: Engine, tmp_path: Path) -> None:
    pieces, told = [(tmp_path, number) for number in range(8)], list[tuple[int, int, int]]()
    engine.map(marked, pieces, lambda number, found: told.append((number, found, len(list(tmp_path.iterdir())))))
    assert sorted((number, found) for number, found, _ in told) == [(number, squared(number)) for number in range(8)]
    assert told[0][2] < len(pieces)  # the last ones had not begun by then


@pytest.mark.parametrize("address", ["127.0.0.1:9", "127.0.0.2:6379x"])
def test_a_wrong_address_is_one_line_within_seconds(address: str) -> None:
    begin = time.monotonic()
    words = [sys.executable, "-m", "tapescan", "replay", "--engine", "ray", "--address", address]
    found: Any = subprocess.run(words, capture_output=True, text=True, check=False)
    assert time.monotonic() - begin < 15.0  # most of it starts Python and imports Ray
    assert found.returncode == 2
    assert address in one_line(found)


def test_without_its_library_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['ray'] = None; import tapescan.engine.ray"
    found: Any = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, check=False)
    assert found.stderr.splitlines()[-1].endswith("needs its library; pip install 'tapescan[cluster]'")
