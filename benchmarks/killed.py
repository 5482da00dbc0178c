"""What dies each minute beside a load (`benchmarks/load.py`): a Redis, and nodes of a Ray cluster of this machine."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from tests.engine.clusters import LocalCluster, local_cluster

__all__ = ["KilledNodes", "KilledRedis", "killed_nodes"]

#: Seconds that a node lives before it is killed; and that Redis lives, and is away.
ALIVE = 60.0
REDIS_ALIVE, REDIS_AWAY = 50.0, 10.0


class KilledRedis:
    """A Redis that is killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "redis.sock"
        self.kills = 0
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        options = ["--port", "0", "--unixsocket", str(self.socket), "--save", ""]
        return subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)  # noqa: S607

    def live(self, until: float) -> None:
        """Kill it each minute."""
        while time.time() < until:
            time.sleep(max(min(REDIS_ALIVE, until - time.time()), 0.0))
            self.process.kill()
            self.process.wait()
            self.kills += 1
            time.sleep(max(min(REDIS_AWAY, until - time.time()), 0.0))
            self.process = self.start()
        self.process.kill()
        self.process.wait()

    def told(self) -> str:
        return f"Redis was killed {self.kills} times"


class KilledNodes:
    """A cluster. kills : how many of its nodes were killed. late : how many could not be started in time."""

    def __init__(self, cluster: LocalCluster, nodes: int) -> None:
        self._cluster, self._nodes = cluster, nodes
        self.kills = self.late = 0
        for _ in range(nodes):
            cluster.add()

    @property
    def address(self) -> str:
        return self._cluster.address

    def live(self, until: float) -> None:
        """Kill the oldest node each minute, as long as another one works; those that lack join."""
        while (left := until - time.time()) > 0:
            time.sleep(min(ALIVE, left))
            if time.time() >= until:
                return
            if len(self._cluster.nodes) > 1:
                self._cluster.kill(self._cluster.nodes[0])
                self.kills += 1
            while len(self._cluster.nodes) < self._nodes and self._joined():
                pass

    def _joined(self) -> bool:
        """Start a node; False where Ray gave up waiting for it."""
        try:
            self._cluster.add()
        except Exception as error:
            if "timed out during startup" not in str(error):  # Ray has no type for it
                raise
            self.late += 1
            return False
        return True

    def told(self) -> str:
        late = f"; {self.late} could not be started in time" if self.late else ""
        return f"replays ran on a cluster of {self._nodes} nodes, {self.kills} times one was killed{late}"


@contextlib.contextmanager
def killed_nodes(nodes: int) -> Iterator[KilledNodes]:
    """Ends with one line where Ray is not installed."""
    if find_spec("ray") is None:
        raise SystemExit("--nodes: Ray is not installed: pip install 'tapescan[cluster]'")
    with local_cluster(0) as cluster:
        yield KilledNodes(cluster, nodes)
