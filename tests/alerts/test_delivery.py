"""Messages reach receivers that fail in every way once each, signed, and no address is told to anybody."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tapescan.alerts import apprised, delivery, sending
from tapescan.alerts.delivery import Address, deliver, find_addresses, signature
from tapescan.alerts.outbox import Outbox
from tapescan.alerts.sending import Sender
from tapescan.core.errors import FileError, TapescanError
from tapescan.network import posting as network
from tapescan.network.posting import Posted, posting
from tests.alerts.drawn import SESSION
from tests.alerts.receiver import SECRET, Receiver, is_signed
from tests.alerts.test_outbox import message

#: Of apprise, when it is loaded.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tapescan.alerts.outbox.FIRST_WAIT", 0.02)
    monkeypatch.setattr(sending, "LOOKS", 0.05)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Outbox]:
    found = Outbox(tmp_path / "outbox.sqlite")
    yield found
    found.close()


def webhook(receiver: Receiver, name: str = "mine") -> Address:
    return Address(name, receiver.url, SECRET.encode())


def until(box: Outbox, state: str, many: int) -> None:
    end = time.monotonic() + 20.0
    while box.depth().get(state, 0) < many:
        assert time.monotonic() < end, box.depth()
        time.sleep(0.01)


@pytest.mark.parametrize(
    "answers", [[], [500, 503], [0, 0], [307], [404, 401, 429], [-1]], ids=lambda one: f"answers {one or 'well'}"
)
def test_a_receiver_that_fails_gets_each_alert_once_in_the_end(
    box: Outbox, answers: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "WHOLE", 0.3)
    monkeypatch.setattr(sending, "posting", lambda: posting(whole=0.3))
    with Receiver(answers) as receiver:
        receiver.extra["Location"] = receiver.url + "/elsewhere"
        sender = Sender(box, {"mine": webhook(receiver)})
        sender.begin()
        box.keep(SESSION, {}, [(message(one), ("mine",), False) for one in range(4)])
        sender.wake()
        until(box, "sent", 4)
        sender.end()
        assert sender.failure is None
        assert len(receiver.taken) == 4
        assert receiver.doubled == 0
        assert len(receiver.paths) == 1, "a redirect was followed"
        assert len(receiver.got) == 4 + len(answers)
        # The one that failed has the same id each time.
        ids = [one["id"] for one in receiver.got]
        assert sorted(set(ids)) == sorted(message(one).id for one in range(4))
    assert box.depth() == {"sent": 4}


def test_nobody_waits_for_one_that_hangs(box: Outbox) -> None:
    with Receiver([-1] * 9) as hangs, Receiver() as answers:
        sender = Sender(box, {"hangs": webhook(hangs), "answers": webhook(answers)})
        sender.begin()
        begin = time.monotonic()
        box.keep(SESSION, {}, [(message(one), ("hangs", "answers"), False) for one in range(5)])
        assert time.monotonic() - begin < 2.0
        sender.wake()
        answers.wait(5)
        until(box, "sent", 5)
        assert box.depth()["due"] == 5
        sender.end(0.1)


def test_one_that_is_not_there_is_told_in_the_log(box: Outbox) -> None:
    sender = Sender(box, {"mine": Address("mine", "http://127.0.0.1:9/secret-path", b"x" * 20)})
    sender.begin()
    box.keep(SESSION, {}, [(message(), ("mine", "gone"), False)])
    sender.wake()
    until(box, "failed", 2)
    sender.end()
    said = {row.address: row.said for row in box.log()}
    assert said["mine"].startswith("no connection (ClientConnector")
    assert said["gone"] == "no rule names gone any more"


def test_a_sender_that_breaks_says_so(box: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> Posted:
        raise ZeroDivisionError

    monkeypatch.setattr(sending, "deliver", broken)
    sender = Sender(box, {"mine": Address("mine", "http://127.0.0.1:9/", b"x")})
    sender.begin()
    box.keep(SESSION, {}, [(message(), ("mine",), False)])
    sender.wake()
    sender._thread.join(10.0)
    assert isinstance(sender.failure, ZeroDivisionError)
    assert box.depth() == {"due": 1}


def test_the_signature_is_that_of_the_standard() -> None:
    """The document's own example is not copied: a plain computation stands for it."""
    body, when = msgspec.json.encode(message()), int(time.time())
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(when),
        "webhook-signature": signature(SECRET.encode(), "msg_1", when, body),
    }
    assert is_signed(headers, body)
    for change in ({"webhook-id": "msg_2"}, {"webhook-timestamp": str(when + 1)}):
        assert not is_signed(headers | change, body)
    assert not is_signed(headers, body + b" ")
    assert not is_signed(headers, body, "another secret of some letters")


def test_a_secret_in_base64_is_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAPESCAN_ALERT_MINE", "https://example.org/x")
    monkeypatch.setenv("TAPESCAN_ALERT_MINE_SECRET", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX")
    assert find_addresses(["mine"])["mine"].secret == bytes(range(24))


WRONG = {
    "none": ({}, "there is no address 'mine'; set TAPESCAN_ALERT_MINE, or write it into"),
    "no secret": ({"": "https://example.org/topsecret"}, "the webhook 'mine' has no secret"),
    "a short one": (
        {"": "https://example.org/topsecret", "_SECRET": "topsecret"},
        "the webhook 'mine' has no secret",
    ),
    "no base64": (
        {"": "https://example.org/topsecret", "_SECRET": "whsec_topsecret!!topsecret!!"},
        "the webhook 'mine' has no secret",
    ),
    "no host": ({"": "https:///topsecret"}, "TAPESCAN_ALERT_MINE is no address"),
    "no service": ({"": "nosuchservice://topsecret"}, "TAPESCAN_ALERT_MINE is no address that apprise knows"),
    "no scheme": ({"": "topsecret"}, "TAPESCAN_ALERT_MINE is no address that apprise knows"),
    "signs": ({"": "https://example.org/\ntopsecret"}, "TAPESCAN_ALERT_MINE: the key from"),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_address_that_cannot_be_used_is_one_line_without_it(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given, said = WRONG[name]
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("TAPESCAN_KEYS", str(tmp_path / "keys.toml"))
    for end, value in given.items():
        monkeypatch.setenv(f"TAPESCAN_ALERT_MINE{end}", value)
    with pytest.raises(TapescanError) as caught:
        find_addresses(["mine"])
    assert str(caught.value).removeprefix("alerts: ").startswith(said)
    assert "topsecret" not in str(caught.value) + caplog.text


def test_addresses_stand_in_the_file_with_the_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    keys = tmp_path / "keys.toml"
    keys.write_text(f'TAPESCAN_ALERT_MINE = "https://example.org/x"\nTAPESCAN_ALERT_MINE_SECRET = "{SECRET}"\n')
    monkeypatch.setenv("TAPESCAN_KEYS", str(keys))
    keys.chmod(0o644)
    with pytest.raises(FileError, match="others can read the keys"):
        find_addresses(["mine"])
    keys.chmod(0o600)
    (found,) = find_addresses(["mine", "mine"]).values()
    assert found.value == "https://example.org/x"
    assert "example.org" not in repr(found)
    assert SECRET not in repr(found)


@pytest.mark.parametrize("answers", [[200], [500], [307], [0], [-1]])
def test_no_secret_is_in_any_log_error_or_file(
    answers: list[int], tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(sending, "posting", lambda: posting(whole=0.3))
    box = Outbox(tmp_path / "outbox.sqlite")
    with Receiver(answers) as receiver:
        address = webhook(receiver)
        sender = Sender(
            box, {"mine": address, "other": Address("other", "json://user:of-mine-7f3a@127.0.0.1:9/", b"")}
        )
        sender.begin()
        box.keep(SESSION, {}, [(message(), ("mine", "other"), False)])
        sender.wake()
        until(box, "failed", 1)
        receiver.wait(1)
        sender.end()
    box.close()
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in ("of-mine-7f3a", SECRET, f":{receiver.url.rsplit(':')[-1]}"):
        assert secret not in caplog.text
        assert secret.encode() not in written
        assert secret not in repr((address, sender, box))


@pytest.fixture
def service() -> Iterator[list[tuple[str, str]]]:
    """A service of apprise whose messages are HTML: what it was given as title and body."""
    import apprise
    from apprise.decorators import notify

    got: list[tuple[str, str]] = []

    @notify(on="tapetest", name="a test")  # type: ignore[untyped-decorator]
    def take(body: str, title: str, *_: object, **__: object) -> bool:
        got.append((title, body))
        return True

    yield got
    apprise.plugins.N_MGR.remove("tapetest")


def test_apprise_is_given_plain_text(service: list[tuple[str, str]]) -> None:
    odd = msgspec.structs.replace(message(), title="<b>{0} %s</b>", text="a & b \\n {x}")

    async def once() -> Posted:
        async with posting() as poster:
            return await deliver(odd, Address("mine", "tapetest://", b""), poster)

    assert asyncio.run(once()) == Posted(taken=True, said="taken")
    assert service == [("<b>{0} %s</b>", "a & b \\n {x}")]


def test_a_service_that_wants_html_gets_signs_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mail that is asked for as HTML."""
    from apprise.plugins.email.base import NotifyEmail

    got: list[str] = []

    def send(_self: object, body: str, title: str = "", **_: object) -> bool:
        got.append(title + body)
        return True

    monkeypatch.setattr(NotifyEmail, "send", send)
    assert apprised.notify("mailto://user:pass@example.org?format=html", "title", "<script>x</script> & more")
    assert "&lt;script&gt;" in got[0]
    assert "<script>" not in got[0]


@pytest.mark.parametrize("how", ["raises", "hangs", "refuses"])
def test_a_service_that_fails_is_tried_again(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def notify(_address: str, _title: str, _text: str) -> bool:
        if how == "raises":
            raise RuntimeError("tgram://secret-token")
        if how == "hangs":
            over.wait(1.0)
        return False

    monkeypatch.setattr(apprised, "notify", notify)
    monkeypatch.setattr(delivery, "PATIENCE", 0.05)

    async def once() -> Posted:
        async with posting() as poster:
            posted = await deliver(message(), Address("mine", "tgram://secret-token", b""), poster)
            over.set()
            return posted

    posted = asyncio.run(once())
    assert not posted.taken
    assert "secret" not in posted.said
