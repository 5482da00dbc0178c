"""Which engine runs pieces: the one that is named, else that of the settings."""

from __future__ import annotations

import pytest

from tapescan.core.errors import OptionError
from tapescan.engine.chosen import chosen
from tapescan.engine.seam import Digest
from tapescan.engine.threads import Threads


def digest() -> Digest:
    raise AssertionError("threads are asked for no digest")


def test_threads_where_nothing_is_said() -> None:
    assert isinstance(chosen(digest), Threads)
    assert not chosen(digest).apart


def test_what_a_call_names_comes_before_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAPESCAN_ENGINE", "ray")
    assert isinstance(chosen(digest, "threads"), Threads)


def test_a_wrong_name_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match="no engine is called 'rat'; did you mean ray"):
        chosen(digest, "rat")
    monkeypatch.setenv("TAPESCAN_ENGINE", "dask")
    with pytest.raises(OptionError, match="TAPESCAN_ENGINE='dask'"):
        chosen(digest)


def test_an_address_is_of_a_cluster() -> None:
    with pytest.raises(OptionError, match="the engine is threads; name the engine ray"):
        chosen(digest, "threads", "10.0.0.1:6379")
