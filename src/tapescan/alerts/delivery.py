"""The way of a message to an address: one's own webhook, signed, or a service that apprise knows.

An address is a secret: it stands in a variable or in the file with the keys (`vendors.keys`), under the name by which
rules call it, and in no rule, log or error. A webhook has a second one, with which its messages are signed as the
Standard Webhooks say (https://www.standardwebhooks.com): the headers ``webhook-id``, ``webhook-timestamp`` and
``webhook-signature: v1,`` with base64 of HMAC-SHA256 over ``id.timestamp.body``. The id names the alert whenever it
is sent; a receiver drops the second message of an id.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import msgspec

from tapescan.alerts import apprised
from tapescan.alerts.minute import Message
from tapescan.alerts.rules import address_variable
from tapescan.core.errors import OptionError
from tapescan.network.posting import Posted, Poster
from tapescan.vendors.keys import find_keys, key_file
from tapescan.vendors.seam import KeyName

__all__ = ["Address", "deliver", "find_addresses", "signature"]

#: Seconds for a service of apprise, some of which ask several times.
PATIENCE = 30.0
#: Characters of a webhook's secret: what is shorter can be guessed.
SHORTEST = 16


@dataclass(frozen=True)
class Address:
    """Where alerts go. name : as rules call it. value, secret : never shown."""

    name: str
    value: str = field(repr=False)
    secret: bytes = field(repr=False)

    @property
    def is_webhook(self) -> bool:
        """Whether it is one's own; a service of apprise otherwise."""
        return urlsplit(self.value).scheme.lower() in {"http", "https"}


def find_addresses(names: Iterable[str]) -> dict[str, Address]:
    """The addresses of these names. Raises OptionError for one that is not there or cannot be used, FileError for a
    file of keys that others can read."""
    names = list(dict.fromkeys(names))
    wanted = [KeyName(address_variable(name), "an address", required=False) for name in names]
    wanted += [KeyName(f"{address_variable(name)}_SECRET", "a secret", required=False) for name in names]
    keys = find_keys(wanted) if names else {}
    return {name: _address(name, {one: key.value for one, key in keys.items()}) for name in names}


def _address(name: str, keys: Mapping[str, str]) -> Address:
    variable = address_variable(name)
    if variable not in keys:
        hint = f"set {variable}, or write it into {key_file()} (readable by you alone)"
        raise OptionError(f"there is no address {name!r}", hint, field="alerts")
    found = Address(name, keys[variable], _secret(keys.get(f"{variable}_SECRET", "")))
    if not found.is_webhook:
        if not apprised.can_read(found.value):
            raise OptionError(
                f"{variable} is no address that apprise knows", "see its list of services", field="alerts"
            )
        return found
    try:
        good = bool(urlsplit(found.value).hostname)
    except ValueError:
        good = False
    if not good:
        raise OptionError(f"{variable} is no address", "write it as https://host/path", field="alerts")
    if len(found.secret) < SHORTEST:
        hint = f"set {variable}_SECRET to {SHORTEST} characters or more, which the receiver knows too"
        raise OptionError(f"the webhook {name!r} has no secret to sign with", hint, field="alerts")
    return found


def _secret(text: str) -> bytes:
    """The bytes of a secret: of base64 after ``whsec_``, else its text."""
    if text.startswith("whsec_"):
        try:
            return base64.b64decode(text.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            return b""
    return text.encode()


def signature(secret: bytes, identity: str, timestamp: int, body: bytes) -> str:
    """As the header ``webhook-signature`` has it. timestamp : UNIX seconds."""
    signed = hmac.new(secret, f"{identity}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


async def deliver(message: Message, address: Address, poster: Poster) -> Posted:
    """Send a message once; what came of it, without a word of the address."""
    if address.is_webhook:
        body, now = msgspec.json.encode(message), int(time.time())
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message.id,
            "webhook-timestamp": str(now),
            "webhook-signature": signature(address.secret, message.id, now, body),
        }
        return await poster.post(address.value, body, headers)
    try:
        async with asyncio.timeout(PATIENCE):
            taken = await asyncio.to_thread(apprised.notify, address.value, message.title, message.text)
    except TimeoutError:
        return Posted(taken=False, said="no answer in time")
    except Exception as error:  # noqa: BLE001 (a service's own; its text may hold the address)
        return Posted(taken=False, said=f"it failed ({type(error).__name__})")
    return Posted(taken=taken, said="taken" if taken else "not taken")
