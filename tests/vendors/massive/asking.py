"""Asking Massive's fake, and answers written by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from tapescan.core.errors import VendorError
from tapescan.vendors.massive.vendor import Massive
from tapescan.vendors.seam import Ask, Call
from tests.vendors.conftest import fetch
from tests.vendors.scripted import Scripted

__all__ = ["ADVANCED", "END", "NOW", "ask", "refusal", "scripted"]

NOW = dt.datetime(2026, 11, 21, 15, tzinfo=dt.UTC)
END = dt.date(2026, 11, 20)
ADVANCED = Massive.plans[3]


def ask(what: str = "bars", *sessions: dt.date, now: dt.datetime = NOW, **more: Any) -> Ask:
    return Ask(what, more.pop("plan", ADVANCED), now, more.pop("until", END), sessions=sessions, **more)


def scripted(script: dict[str, tuple[Any, int]]) -> Scripted:
    return Scripted(script, {"status": "OK"})


def refusal(wanted: Ask | Call, url: str, **more: Any) -> VendorError:
    with pytest.raises(VendorError) as caught:
        fetch(Massive(), wanted, url, **more)
    return caught.value
