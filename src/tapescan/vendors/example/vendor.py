"""Example vendor: bars of the whole market by date, and the listing. In what follows, each comment says what to
check."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import ClassVar

from tapescan.core.errors import OptionError, VendorError
from tapescan.network.link import Link, Reply
from tapescan.vendors.example.reference import universe
from tapescan.vendors.seam import Ask, Batch, Call, KeyName, Plan

__all__ = ["Example"]

KEY = "TAPESCAN_EXAMPLE_KEY"


class Example:
    """What it has, in a sentence."""

    # The folder's name; TAPESCAN_EXAMPLE_URL and TAPESCAN_EXAMPLE_PLAN follow from it.
    name: ClassVar[str] = "example"
    title: ClassVar[str] = "Example Inc."
    # `tapescan.tables` declares which offers there are, and which table each brings.
    offers: ClassVar[tuple[str, ...]] = ("universe",)
    # Empty: it is asked only by those who name it.
    preferred: ClassVar[Mapping[str, int]] = {}
    # Kinds of data that it brings for named symbols only.
    needs_symbols: ClassVar[tuple[str, ...]] = ()
    # The published limits; the first is taken when none is named.
    plans: ClassVar[tuple[Plan, ...]] = (Plan("free", requests=5, seconds=60.0),)
    keys: ClassVar[tuple[KeyName, ...]] = (KeyName(KEY, "an API key of Example"),)
    hosts: ClassVar[Mapping[str, str]] = {"": "https://api.example.com"}
    notes: ClassVar[tuple[str, ...]] = ("its limits, said plainly, one line each",)

    def headers(self, keys: Mapping[str, str]) -> Mapping[str, str]:
        """Keys travel in headers only."""
        return {"Authorization": f"Bearer {keys[KEY]}"} if KEY in keys else {}

    def judge(self, reply: Reply) -> VendorError | None:
        """An error that the vendor answers under any status, by a word of `errors.VENDOR_REASONS`."""
        if reply.status == 401:
            return VendorError(self.name, "bad_key", f"{reply.path}: HTTP 401", f"check {KEY}", fatal=True)
        return None

    def calls(self, ask: Ask) -> Sequence[Call]:
        """No network here, and no clock but ask.now: a dry run asks this very code."""
        match ask.what:
            case "universe":
                return [Call("universe", "universe", lasts=dt.timedelta(hours=12))]
            case _:
                raise OptionError(f"{self.name} has no {ask.what}", f"it offers {', '.join(self.offers)}")

    async def fetch(self, call: Call, link: Link) -> AsyncIterator[Batch]:
        """What the call brings, in the columns that the table declares, checked against what the vendor says."""
        yield await universe(call, link)


VENDOR = Example
