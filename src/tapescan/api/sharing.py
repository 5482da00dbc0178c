"""Use case: what one process found, published for others: on this machine, or on all that share a Redis."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec

from tapescan.core.errors import FileError, OptionError
from tapescan.core.results import Result
from tapescan.shared.chosen import shared

__all__ = ["Published", "newest_result", "publish_result"]


class Published(Result, msgspec.Struct, frozen=True):
    """What was published under a topic. number : 1 for the first, one more for each later. at : when (UTC).
    document : the result as plain values."""

    topic: str
    number: int
    at: dt.datetime
    document: dict[str, Any]


def publish_result(topic: str, result: Result | dict[str, Any]) -> Published:
    """Put a result in the place of a topic's newest one.

    It goes where the setting `redis` says, or to files of this user's.

    Args:
        topic: Letters, digits, dots, dashes and underscores, 100 at most.
        result: Of a use case, or what its `to_dict` gave.

    Raises:
        OptionError: The topic is no name, or the setting `redis` no address.
        FileError: The folder of the files cannot be written.
    """
    document = result if isinstance(result, dict) else result.to_dict()
    made = shared().publish(topic, msgspec.json.encode(document))
    return Published(topic, made.number, made.at, document)


def newest_result(topic: str, *, after: int = 0, wait: float = 0.0) -> Published | None:
    """The newest result of a topic, from whichever process.

    Args:
        topic: As it was published under.
        after: The number of the one that is known already; that is none.
        wait: Seconds to wait for one, where there is none.

    Returns:
        None where there is none within that time.

    Raises:
        OptionError: The topic is no name, or the setting `redis` no address.
        FileError: What lies there is no result.
    """
    if wait < 0.0:
        raise OptionError(f"{wait}", "give seconds, 0 or more", field="wait")
    found = shared().newest(topic, after, wait)
    if found is None:
        return None
    try:
        document = msgspec.json.decode(found.document, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise FileError(f"what is published as {topic} is no result: {error}", "publish another one") from error
    return Published(topic, found.number, found.at, document)
