"""No alert is lost or doubled, whenever the process is killed."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tapescan.alerts.minute import begun, judged
from tapescan.alerts.outbox import Outbox
from tests.alerts.drawn import minutes
from tests.alerts.receiver import SECRET, Receiver
from tests.alerts.working import RULES
from tests.commands import Child

MINUTES = 120


def expected(seed: int) -> list[tuple[str, str]]:
    """Address and id of each message that one process that nobody kills would send."""
    states, found = begun(RULES, None, {}), []
    to = {one.rule.name: one.rule.to for one in RULES}
    for one in minutes(seed, MINUTES, RULES):
        changed, alerts = judged(RULES, states, one)
        states = {**states, **changed}
        found += [(address, alert.key) for alert in alerts for address in to[alert.rule]]
    return found


CHILD = """
import sys
from pathlib import Path
from tests.alerts.working import main
main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
"""


def process(outbox: Path, seed: int, receivers: Sequence[Receiver]) -> Child:
    mine, other = receivers
    addresses = {
        "TAPESCAN_ALERT_MINE": mine.url,
        "TAPESCAN_ALERT_MINE_SECRET": SECRET,
        "TAPESCAN_ALERT_OTHER": other.url,
        "TAPESCAN_ALERT_OTHER_SECRET": SECRET,
    }
    return Child(CHILD, str(outbox), str(seed), str(MINUTES), variables=os.environ | addresses)


@pytest.mark.long
@pytest.mark.parametrize("kills", [3, pytest.param(50, marks=pytest.mark.long)])
def test_no_alert_is_lost_or_doubled_under_kills(kills: int, tmp_path: Path) -> None:
    """Each process is killed after a random number of messages has come, so while it judges, keeps or sends."""
    rng, seed, outbox = random.Random(kills), 5, tmp_path / "outbox.sqlite"
    wanted = expected(seed)
    assert len(wanted) > 200
    with Receiver() as mine, Receiver() as other:
        for _ in range(kills):
            child = process(outbox, seed, (mine, other))
            after = len(mine.got) + rng.randrange(1, max(int(1.4 * len(wanted)) // kills, 2))
            until = time.monotonic() + 60.0
            while len(mine.got) < after:
                assert time.monotonic() < until
                time.sleep(rng.random() * 0.002)
            child.kill()
            assert child.wait() == -signal.SIGKILL
        last = process(outbox, seed, (mine, other))
        assert last.stdout.read() == "judged\n"
        assert last.wait() == 0
        came = [("mine", one) for one in mine.taken] + [("other", one) for one in other.taken]
    assert sorted(came) == sorted(wanted)
    box = Outbox(outbox)
    assert box.depth() == {"sent": len(wanted)}
    assert len({row.message.id for row in box.log(10_000)}) == len({key for _, key in wanted})
    box.close()
