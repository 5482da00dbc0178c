"""A TOML file that is no use is an error soon, whatever is in it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tapescan.core.errors import FileError, ProfileError, ScreenError
from tapescan.core.settings import load_settings
from tapescan.core.toml import read_toml
from tapescan.scan.named import load_screen
from tapescan.scan.profile import load_profile
from tapescan.vendors.keys import find_keys
from tapescan.vendors.registry import load_vendor

DEEP = {
    "lists": "a = " + "[" * 40_000 + "]" * 40_000,
    "tables": "a = " + "{b=" * 15_000 + "1" + "}" * 15_000,
    "names": "a" + ".a" * 49_000 + " = 1",
    "header": "[" + "a." * 40_000 + "b]",
    "large": "# " + "x" * 200_000,
    "broken": "a = = 1",
    "latin-1": "title = 'caf\udce9'",
}


@pytest.mark.parametrize("kind", DEEP)
def test_no_file_holds_its_reader_up(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "tapescan.toml"
    path.write_bytes(DEEP[kind].encode("utf-8", "surrogateescape"))
    path.chmod(0o600)
    began = time.perf_counter()
    with pytest.raises(ValueError, match=r"."):
        read_toml(path)
    with pytest.raises(ProfileError, match="correct the TOML there"):
        load_profile(str(path))
    with pytest.raises(ScreenError, match="correct the TOML there"):
        load_screen(str(path))
    with pytest.raises(FileError, match="it may set store, profile"):
        load_settings(tmp_path)
    monkeypatch.setenv("TAPESCAN_KEYS", str(path))
    with pytest.raises(FileError, match="not a TOML file"):
        find_keys(load_vendor("massive").keys)
    assert time.perf_counter() - began < 5.0


def test_a_file_of_ours_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('title = "A sentence. Another one ... and more."\n[a.b]\nc = [1, 2]\n')
    assert read_toml(path) == {"title": "A sentence. Another one ... and more.", "a": {"b": {"c": [1, 2]}}}
