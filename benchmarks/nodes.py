"""Nodes of a Ray cluster on this machine, of which one dies each minute; for `benchmarks/load.py`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from tests.engine.clusters import LocalCluster, local_cluster

__all__ = ["KilledNodes", "killed_nodes"]

#: Seconds that a node lives before it is killed.
ALIVE = 60.0


class KilledNodes:
    """A cluster. kills : how many of its nodes were killed."""

    def __init__(self, cluster: LocalCluster, nodes: int) -> None:
        self._cluster = cluster
        self._there: list[Any] = [cluster.add() for _ in range(nodes)]
        self.kills = 0

    @property
    def address(self) -> str:
        return self._cluster.address

    def live(self, until: float) -> None:
        """Kill the oldest node each minute; another one joins."""
        while (left := until - time.time()) > 0:
            time.sleep(min(ALIVE, left))
            if time.time() >= until:
                return
            self._cluster.kill(self._there.pop(0))
            self.kills += 1
            self._there.append(self._cluster.add())

    def told(self) -> str:
        return f"replays ran on a cluster of {len(self._there)} nodes, of which {self.kills} were killed"


@contextlib.contextmanager
def killed_nodes(nodes: int) -> Iterator[KilledNodes]:
    """Ends with one line where Ray is not installed."""
    if find_spec("ray") is None:
        raise SystemExit("--nodes: Ray is not installed: pip install 'tapescan[cluster]'")
    with local_cluster(0) as cluster:
        yield KilledNodes(cluster, nodes)
