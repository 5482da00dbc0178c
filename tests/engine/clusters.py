"""Ray clusters of this machine: each node a raylet of its own, on a loopback address."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

#: Of a node's object store.
ROOM = 256 * 2**20


#: Ray waits half a minute for a node, which a machine that does much else may take: so often one is asked for.
TRIES = 4


class LocalCluster:
    """A head that runs nothing, and as many nodes of one core as are added."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 0, "include_dashboard": False, **_node(2)}
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self._added = 0
        #: Those that work.
        self.nodes: list[Any] = []

    @property
    def address(self) -> str:
        found: str = self._cluster.address
        return found

    def add(self) -> Any:
        """One node more."""
        for _ in range(TRIES):
            self._added += 1
            try:
                self.nodes.append(self._cluster.add_node(num_cpus=1, **_node(2 + self._added)))
            except Exception as error:
                if "timed out during startup" not in str(error):
                    raise
                late = error
            else:
                return self.nodes[-1]
        raise late

    def kill(self, node: Any) -> None:
        """As a power cut would."""
        self.nodes.remove(node)
        self._cluster.remove_node(node, allow_graceful=False)

    def end(self) -> None:
        self._cluster.shutdown()


def _node(number: int) -> dict[str, Any]:
    # 127.0.0.1 would be taken for the machine's own address.
    return {"node_ip_address": f"127.0.0.{number}", "object_store_memory": ROOM}


@contextmanager
def local_cluster(nodes: int) -> Iterator[LocalCluster]:
    """Skips without Ray."""
    if find_spec("ray") is None:
        pytest.skip("pip install 'tapescan[cluster]'")
    with pytest.MonkeyPatch.context() as patch:
        # What workers import, also where a test's own module is asked for.
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "src"), str(ROOT)]))
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", "a-token-of-the-tests-on-loopback-addresses-alone")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        import ray  # reads the variables when it is imported

        cluster = LocalCluster()
        try:
            for _ in range(nodes):
                cluster.add()
            yield cluster
        finally:
            ray.shutdown()
            cluster.end()
