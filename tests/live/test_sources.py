"""Feeds by name: what is wrong is said before anything is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tapescan.api.live import follow_market
from tapescan.core.errors import OptionError, VendorError


@pytest.mark.parametrize(
    ("source", "error", "said"),
    [
        (None, OptionError, "none is named"),
        ("masive", OptionError, "no feed is called 'masive'"),
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
