"""The one place that knows apprise, which brings messages to mail, Telegram, ntfy, Slack and many others."""

from __future__ import annotations

import logging
from typing import Any

from tapescan.core.errors import OptionError

__all__ = ["can_read", "notify"]


def can_read(address: str) -> bool:
    """Whether apprise knows what an address means. Raises OptionError where it is not installed."""
    return _service(address) is not None


def notify(address: str, title: str, text: str) -> bool:
    """Bring a message, both parts plain text, which apprise writes as its service needs it. Blocks; whether it was
    taken."""
    apprise = _library()
    service = _service(address)
    if service is None:
        return False
    way = apprise.Apprise()
    way.add(service)
    return bool(way.notify(body=text, title=title, body_format=apprise.NotifyFormat.TEXT))


def _service(address: str) -> Any:
    return _library().Apprise.instantiate(address, suppress_exceptions=True)


def _library() -> Any:
    try:
        import apprise
    except ImportError:
        what = "alerts by mail, Telegram, ntfy and others need the extra `alerts`"
        raise OptionError(what, "pip install 'tapescan[alerts]'", field="alerts") from None
    # What it logs holds addresses.
    logging.getLogger("apprise").disabled = True
    return apprise
