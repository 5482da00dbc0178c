"""The outbox holds each alert once, and a receiver that fails in any way loses none."""

from __future__ import annotations

import datetime as dt
import sqlite3
import time
from pathlib import Path

import pytest

from tapescan.alerts.judging import State
from tapescan.alerts.minute import Message
from tapescan.alerts.outbox import Outbox
from tapescan.core.errors import FileError
from tests.alerts.drawn import SESSION


def message(number: int = 1) -> Message:
    return Message(f"rule.d/S01/{SESSION}/enter-{number}", "rule", "enter", "S01", SESSION, "10:00", "title", "text")


def filled(path: Path, addresses: tuple[str, ...] = ("mine",)) -> Outbox:
    box = Outbox(path / "outbox.sqlite")
    assert box.keep(SESSION, {("rule", "d"): State(minute=600)}, [(message(), addresses, False)]) == 1
    return box


def test_an_alert_that_is_made_again_is_there_once(tmp_path: Path) -> None:
    box = filled(tmp_path)
    assert box.keep(SESSION, {}, [(message(), ("mine",), False), (message(2), (), False)]) == 1
    (one,) = box.due(time.time())
    box.sent(one)
    assert box.keep(SESSION, {}, [(message(), ("mine",), False)]) == 0
    assert box.due(time.time()) == []
    assert [(row.state, row.message.id) for row in box.log()] == [("kept", message(2).id), ("sent", message(1).id)]


def test_states_and_alerts_are_kept_together_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = filled(tmp_path)

    def broken(one: Message) -> bytes:
        if one.id.endswith("3"):
            raise sqlite3.OperationalError("disk I/O error")
        return b"{}"

    monkeypatch.setattr("tapescan.alerts.outbox.msgspec.json.encode", broken)
    with pytest.raises(FileError, match="disk I/O error"):
        box.keep(SESSION, {}, [(message(2), ("mine",), False), (message(3), ("mine",), False)])
    monkeypatch.undo()
    assert len(box.log()) == 1
    assert box.states(SESSION, {"rule": "d"})["rule"].minute == 600


def test_states_are_of_their_rule_and_session(tmp_path: Path) -> None:
    box = filled(tmp_path)
    assert box.states(SESSION, {"rule": "other"}) == {}
    assert box.states(SESSION + dt.timedelta(days=1), {"rule": "d"}) == {}
    box.forget_states(SESSION)
    assert box.states(SESSION, {"rule": "d"}).keys() == {"rule"}
    box.forget_states(SESSION + dt.timedelta(days=1))
    assert box.states(SESSION, {"rule": "d"}) == {}


def test_what_fails_is_tried_again_after_growing_waits_and_given_up_after_an_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box, now = filled(tmp_path), time.time()
    monkeypatch.setattr("tapescan.alerts.outbox.time.time", lambda: now)
    waits = []
    while found := box.due(now + 7200.0):
        (one,) = found
        box.failed(one, "HTTP 500")
        assert box.due(now) == []
        begin, step = now, 0.0
        while box.depth() == {"failed": 1} and not box.due(now):
            step = 0.5 if now - begin < 5.0 else 5.0
            now += step
        waits.append(now - begin)
    assert waits[:4] == [1.0, 2.0, 4.0, 10.0]
    assert all(one <= 305.0 for one in waits)
    assert len(waits) > 15
    assert box.depth() == {"given up": 1}
    (row,) = box.log()
    assert (row.state, row.said, row.tries) == ("given up", "HTTP 500", len(waits))


def test_a_receiver_says_when_it_wants_to_be_asked_again(tmp_path: Path) -> None:
    box = filled(tmp_path)
    (one,) = box.due(time.time())
    box.failed(one, "HTTP 429", wait=120.0)
    assert box.due(time.time() + 119.0) == []
    assert len(box.due(time.time() + 121.0)) == 1


def test_each_address_has_its_own(tmp_path: Path) -> None:
    box = filled(tmp_path, ("mine", "other", "mine"))
    both = {one.address: one for one in box.due(time.time())}
    assert both.keys() == {"mine", "other"}
    box.failed(both["mine"], "HTTP 500")
    box.sent(both["other"])
    assert box.depth() == {"failed": 1, "sent": 1}
    assert box.due(time.time() + 10.0, without=["mine"]) == []


def test_one_process_alone_alerts(tmp_path: Path) -> None:
    one, other = filled(tmp_path), Outbox(tmp_path / "outbox.sqlite")
    one.hold_alone()
    with pytest.raises(FileError, match="another process alerts with it"):
        other.hold_alone()
    assert len(other.log()) == 1
    one.close()
    other.hold_alone()
    other.close()


@pytest.mark.parametrize("content", [b"no database at all" * 100, None])
def test_a_file_that_is_no_outbox_is_one_line(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "outbox.sqlite"
    if content is None:
        with sqlite3.connect(path) as base:
            base.execute("PRAGMA user_version=99")
        base.close()
    else:
        path.write_bytes(content)
    with pytest.raises(FileError, match=str(path)):
        Outbox(path)
