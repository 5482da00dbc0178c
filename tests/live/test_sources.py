"""Feeds by name: what is wrong is said before anything is read."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tapescan.api.live import follow_market
from tapescan.core.errors import OptionError, VendorError
from tapescan.live.polled import PolledFeed
from tapescan.live.sources import feed_of
from tapescan.live.streamed import StreamedFeed
from tests.fakes import KEY


@pytest.mark.parametrize(
    ("source", "error", "said"),
    [
        (None, OptionError, "none is named; feeds: alpaca, massive, yahoo"),
        ("masive", OptionError, "no feed is called 'masive'; feeds: alpaca, massive, yahoo"),
        ("sec", OptionError, "no feed is called 'sec'"),
        ("massive", VendorError, "'free' has no stream"),
        ("alpaca", VendorError, "needs an API key ID"),
    ],
)
def test_a_feed_that_cannot_come_is_one_line(
    source: str | None, error: type[Exception], said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("TAPESCAN_MASSIVE_PLAN", "TAPESCAN_ALPACA_KEY", "APCA_API_KEY_ID", "ALPACA_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TAPESCAN_KEYS", str(tmp_path / "none.toml"))
    (tmp_path / "store").mkdir()
    with pytest.raises(error, match=said):
        next(follow_market(tmp_path / "store", source=source))


def test_a_vendor_that_streams_is_followed_by_its_stream_and_another_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setenv("TAPESCAN_MASSIVE_KEY", KEY)
    assert isinstance(feed_of("massive", "advanced"), StreamedFeed)
    feed = feed_of("yahoo")
    assert isinstance(feed, PolledFeed)
    assert (feed.name, feed.simulated, feed.delay.total_seconds()) == ("yahoo", False, 0.0)
    assert "unofficial" in feed.note
    with pytest.raises(OptionError, match="no plan 'advanced'"):
        feed_of("yahoo", "advanced")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "yfinance" else found(name))
    with pytest.raises(OptionError, match="needs the package yfinance; pip install"):
        feed_of("yahoo")
