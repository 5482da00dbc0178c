"""Use cases: alerts checked, tried, looked at, and replayed over the stored minutes of a session."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from tapescan.api.places import Place, open_store
from tapescan.core.dates import parse_date
from tapescan.core.errors import OptionError, StoreError
from tapescan.core.progress import Progress, silent
from tapescan.core.results import Result
from tapescan.core.settings import Device, setting

if TYPE_CHECKING:
    from tapescan.alerts.minute import Message
    from tapescan.alerts.rules import Rule, Wanted
    from tapescan.models.forecast import Models
    from tapescan.scan.profile import Profile

__all__ = ["AlertRow", "Tried", "alert_log", "check_alerts", "replay_alerts", "try_addresses"]


class AlertRow(Result, msgspec.Struct, frozen=True):
    """An alert, to one address.

    made : when it was, UTC; None in a replay. address : the name of it; empty for none. state : ``due``, ``sent``,
    ``failed`` (it is tried again), ``given up``, ``quiet`` (quiet hours: it is not sent), ``kept`` (its rule names no
    address). tries : that were made. said : what came of the last one.
    """

    rule: str
    symbol: str
    kind: str
    session: dt.date
    clock: str
    title: str
    text: str
    id: str
    state: str
    address: str = ""
    made: dt.datetime | None = None
    tries: int = 0
    said: str = ""


class Tried(Result, msgspec.Struct, frozen=True):
    """What came of a test message. address : its name. taken : whether it came."""

    address: str
    taken: bool
    said: str


def check_alerts(
    alerts: Wanted = True, store: Place = None, models: Models | str | Path | Literal[False] | None = None
) -> tuple[Rule, ...]:
    """Read and check rules as a session that is followed does, their addresses among them.

    Args:
        alerts: A file, a folder, or the name of a file of rules; True for the folder that the setting names.
        store: Whose models' forecasts may be named; the settings' where there is one.
        models: In place of the store's.

    Raises:
        TapescanError: A rule cannot be used: file, rule and field are named.
    """
    from tapescan.alerts.checking import check_rules
    from tapescan.alerts.delivery import find_addresses
    from tapescan.alerts.rules import read_rules
    from tapescan.scan.opening import chosen_models

    rules = read_rules(alerts)
    named = store or setting("store")
    check_rules(rules, chosen_models(open_store(store), models, None) if named else None)
    find_addresses(name for rule in rules for name in rule.to)
    return rules


def try_addresses(alerts: Wanted = True) -> tuple[Tried, ...]:
    """Send a test message to each address of the rules, once.

    Raises:
        TapescanError: The rules cannot be read, or an address is not there.
    """
    from tapescan.alerts.delivery import deliver, find_addresses
    from tapescan.alerts.minute import Message
    from tapescan.alerts.rules import read_rules
    from tapescan.network.posting import posting

    addresses = find_addresses(name for rule in read_rules(alerts) for name in rule.to)
    if not addresses:
        raise OptionError("no rule names an address", 'write to = ["NAME"] into one', field="alerts")
    now = dt.datetime.now(dt.UTC)
    message = Message(
        id=f"test/{now:%Y-%m-%dT%H:%M:%S.%fZ}",
        rule="test",
        kind="test",
        symbol="",
        session=now.date(),
        clock=f"{now:%H:%M}",
        title="A test of tapescan's alerts",
        text="It works.",
    )

    async def all_of_them() -> tuple[Tried, ...]:
        async with posting() as poster:
            found = await asyncio.gather(*(deliver(message, one, poster) for one in addresses.values()))
        both = zip(addresses, found, strict=True)
        return tuple(Tried(name, posted.taken, posted.said) for name, posted in both)

    return asyncio.run(all_of_them())


def alert_log(store: Place = None, most: int = 100) -> tuple[AlertRow, ...]:
    """The newest alerts of a store's outbox, the newest first. Empty where none was ever made."""
    from tapescan.alerts.outbox import Outbox, outbox_place

    place = outbox_place(open_store(store).path)
    if not place.exists():
        return ()
    outbox = Outbox(place)
    try:
        rows = outbox.log(most)
    finally:
        outbox.close()
    return tuple(
        _row(
            one.message,
            one.state,
            address=one.address,
            made=dt.datetime.fromtimestamp(one.made, dt.UTC),
            tries=one.tries,
            said=one.said,
        )
        for one in rows
    )


def replay_alerts(
    session: dt.date | str,
    store: Place = None,
    *,
    alerts: Wanted = True,
    profile: str | Profile | None = None,
    models: Models | str | Path | Literal[False] | None = None,
    device: Device | None = None,
    progress: Progress = silent,
) -> Iterator[AlertRow]:
    """Judge the stored minutes of a session, and say what would have been sent; nothing is kept or sent.

    Args:
        session: A day whose minutes are stored: one that was followed.
        store: Where; the settings' when None.
        alerts: As of `check_alerts`. Addresses are not looked for.
        profile: Whose filters say who may be ranked, and whose plans are watched.
        models, device: As in `scan_market`.
        progress: Told how far the preparation is.

    Yields:
        Each alert as it comes; `state` is ``sent``, ``quiet`` or ``kept``, as it would have been.

    Raises:
        TapescanError: Rules cannot be used, or no minutes of the session are stored.
    """
    from tapescan.alerts.checking import check_rules, watching_rules
    from tapescan.alerts.replaying import market_before, replayed
    from tapescan.alerts.rules import read_rules
    from tapescan.scan.named import chosen_screens
    from tapescan.scan.opening import chosen_models, ready
    from tapescan.scan.pipeline import run
    from tapescan.scan.request import prepare

    day = parse_date(session, "session")
    assert day is not None
    opened = open_store(store)
    if opened.is_empty():
        raise StoreError(f"{opened.path} holds no bars", "name a store that does")
    trained = chosen_models(opened, models, device)
    checked = check_rules(read_rules(alerts), trained)
    _, ranked_by, _ = chosen_screens((), profile)
    request = watching_rules(prepare(ranked_by, models=trained), checked)
    to = {one.rule.name: one.rule.to for one in checked}
    progress(0, 0, "reading the store")
    market = market_before(opened, day)
    ready(market, None, request, None, progress)  # its kernels
    found = replayed(opened, day, market, checked, lambda at: run(at, request), hold=ranked_by.risk.hold)
    for alert, message in found:
        state = "quiet" if alert.quiet else "sent" if to[alert.rule] else "kept"
        yield _row(message, state, address=", ".join(to[alert.rule]))


def _row(message: Message, state: str, **more: Any) -> AlertRow:
    same: Sequence[str] = ("rule", "symbol", "kind", "session", "clock", "title", "text", "id")
    return AlertRow(**{name: getattr(message, name) for name in same}, state=state, **more)
