"""Feeds by the names of their vendors."""

from __future__ import annotations

from tapescan.core.errors import OptionError
from tapescan.live.feed import Feed
from tapescan.live.polled import PolledFeed
from tapescan.live.streamed import StreamedFeed
from tapescan.vendors.keys import required_keys
from tapescan.vendors.registry import find_plan, load_vendor
from tapescan.vendors.streams import load_minutes, load_stream, polled, streaming

__all__ = ["feed_names", "feed_of"]


def feed_names() -> tuple[str, ...]:
    """The vendors whose minutes can be followed: those that stream, then those that are asked each minute."""
    return (*streaming(), *polled())


def feed_of(name: str, plan: str = "") -> Feed:
    """A vendor's feed: its stream, or where it has none its requests. plan : as in `find_plan`.

    Raises OptionError for a vendor that has neither, VendorError for a plan without minutes and without its keys.
    """
    if name not in feed_names():
        raise OptionError(f"no feed is called {name!r}", f"feeds: {', '.join(feed_names())}", field="source")
    vendor = load_vendor(name)
    chosen = find_plan(vendor, plan)
    # What is wrong with a plan is said before its keys are looked for.
    found: Feed = (
        StreamedFeed(vendor, chosen, load_stream(name))
        if name in streaming()
        else PolledFeed(vendor, chosen, load_minutes(name))
    )
    required_keys(name, vendor.keys)
    return found
