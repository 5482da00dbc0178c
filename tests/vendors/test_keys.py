"""Keys: where they are found, in which order, and that nothing shows them; and the addresses they go to."""

from __future__ import annotations

import builtins
import importlib
import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tapescan.core.errors import FileError, OptionError, VendorError
from tapescan.vendors.keys import find_keys, key_file, required_keys
from tapescan.vendors.registry import base_addresses, load_vendor, vendor_names
from tapescan.vendors.seam import KeyName

NAME = "TAPESCAN_ECHO_KEY"
ECHO = KeyName(NAME, "an API key of Echo", ("ECHO_API_KEY", "ECHO_KEY"))
VALUE = "pk-live-4711"
LINE = f'{NAME} = "{VALUE}"\n'


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the file with keys would be; no key is anywhere, and no keyring is installed."""
    for name in (NAME, *ECHO.others):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TAPESCAN_KEYS", str(tmp_path / "keys.toml"))
    monkeypatch.setitem(sys.modules, "keyring", None)
    return tmp_path / "keys.toml"


def write(file: Path, text: str | bytes = LINE, mode: int = 0o600) -> None:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    file.chmod(mode)


def found() -> tuple[str, str] | None:
    """The key's value and its origin."""
    key = find_keys([ECHO]).get(NAME)
    return None if key is None else (key.value, key.origin)


def test_no_key() -> None:
    assert found() is None
    with pytest.raises(VendorError) as caught:
        required_keys("echo", [ECHO])
    assert (caught.value.reason, caught.value.fatal) == ("no_key", True)
    assert str(caught.value) == (
        f"echo: needs an API key of Echo; set {NAME}, or write it into {key_file()} (readable by you alone)"
    )
    assert required_keys("echo", [KeyName(NAME, "another", required=False)]) == {}


@pytest.mark.parametrize("name", [NAME, *ECHO.others])
def test_the_environment_also_by_the_names_of_the_vendors_own_tools(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, f" {VALUE}\n")
    assert found() == (VALUE, f"${name}")


def test_our_own_name_comes_first_and_an_empty_one_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHO_KEY", "theirs")
    monkeypatch.setenv(NAME, "  ")
    assert found() == ("theirs", "$ECHO_KEY")
    monkeypatch.setenv(NAME, "ours")
    assert found() == ("ours", f"${NAME}")


def test_a_file_that_is_mine_alone(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(file, f'# mine\nOTHER = "x"\n{LINE}')
    assert found() == (VALUE, str(file))
    file.chmod(0o400)
    assert found() == (VALUE, str(file))
    monkeypatch.setenv(NAME, "first")
    assert found() == ("first", f"${NAME}")


def test_the_file_lies_in_the_users_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TAPESCAN_KEYS")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert key_file() == tmp_path / "tapescan" / "keys.toml"
    key_file().parent.mkdir()
    write(key_file())
    assert found() == (VALUE, str(key_file()))


def refused(file: Path) -> str:
    """The one line that a person gets; nothing of the file's content is in it or behind it."""
    with pytest.raises(FileError) as caught:
        find_keys([ECHO])
    everything = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert VALUE not in everything
    assert "4711" not in everything
    line = str(caught.value)
    assert line.startswith(f"{file}: ")
    assert "; " in line
    assert len(line.splitlines()) == 1
    return line


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o644, 0o777])
def test_a_file_that_others_may_use_is_refused(file: Path, mode: int, monkeypatch: pytest.MonkeyPatch) -> None:
    write(file, mode=mode)
    assert refused(file) == f"{file}: others can read the keys in it; chmod 600 {file}"
    monkeypatch.setenv(NAME, VALUE)  # it is there all the same
    refused(file)


def test_a_file_of_someone_else_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(file)
    me = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: me + 1)
    assert "is not yours" in refused(file)


@pytest.mark.parametrize(
    "text",
    [
        f"{NAME} = {VALUE}",
        f'{NAME}: "{VALUE}"',
        f'{NAME} = "{VALUE}',
        f"{VALUE}\n",
        f'{NAME} = "{VALUE}\x01"',
        f'{NAME} = "{VALUE}"'.encode() + b"\xff",
        f"x = {'[' * 100_000}  # {VALUE}",
    ],
)
def test_a_file_that_is_no_toml_is_refused_without_showing_it(file: Path, text: str | bytes) -> None:
    write(file, text)
    assert refused(file) == f'{file}: not a TOML file; write lines as NAME = "key"'


def test_a_value_that_is_no_text_is_refused(file: Path) -> None:
    write(file, f"{NAME} = 4711")
    assert f"{NAME} is not a text" in refused(file)


def test_a_folder_in_the_place_of_the_file_is_refused(file: Path) -> None:
    file.mkdir(mode=0o700)
    assert "Is a directory" in refused(file)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything: a file without read permission was not tried")
def test_a_file_that_i_cannot_read_is_refused(file: Path) -> None:
    write(file, mode=0o200)
    assert "Permission denied" in refused(file)


@pytest.mark.parametrize("value", ["two\\nlines", "zero\\u0000", "tab\\tinside", "“quoted”"])
def test_a_key_that_cannot_be_sent_is_refused_before_it_is(file: Path, value: str) -> None:
    write(file, f'{NAME} = "{value}"')
    with pytest.raises(OptionError, match=f"{NAME}: the key from .* holds characters that no key has") as caught:
        find_keys([ECHO])
    assert value[:3] not in "".join(traceback.format_exception(caught.value)).replace(str(file), "")


def test_a_contact_that_is_no_secret_may_have_any_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "Jürgen <j@example.org>")
    contact = KeyName(NAME, "a contact", secret=False)
    assert find_keys([contact])[NAME].value == "Jürgen <j@example.org>"


def test_no_repr_shows_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, VALUE)
    keys = find_keys([ECHO])
    assert VALUE not in f"{keys} {keys[NAME]!r} {keys[NAME]} {keys.values()}"
    assert NAME in repr(keys)


# --- the system's keyring -----------------------------------------------------------------------------


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.delitem(sys.modules, "keyring")
    module = pytest.importorskip("keyring", reason="keyring is not installed: no system keyring was asked")
    before = module.get_keyring()
    yield module
    module.set_keyring(before)


def backend(held: Mapping[tuple[str, str], str], error: type[Exception] | None = None) -> Any:
    """A keyring in memory. error : raised instead of an answer."""
    base: Any = importlib.import_module("keyring.backend").KeyringBackend

    class Backend(base):  # type: ignore[misc]
        priority: ClassVar[float] = 1

        def get_password(self, service: str, username: str) -> str | None:
            if error is not None:
                raise error
            return held.get((service, username))

        def set_password(self, *_: str) -> None:
            raise AssertionError("nothing is written into a keyring")

    return Backend()


def test_the_keyring_is_asked_last(keyring: Any, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keyring.set_keyring(backend({("tapescan", NAME): f"{VALUE}\n", ("other", NAME): "no"}))
    assert found() == (VALUE, "the system's keyring")
    write(file, f'{NAME} = "filed"')
    assert found() == ("filed", str(file))


@pytest.mark.parametrize("error", ["KeyringLocked", "NoKeyringError", "KeyError", "OSError"])
def test_a_keyring_that_fails_is_as_none(keyring: Any, error: str) -> None:
    errors = importlib.import_module("keyring.errors")
    keyring.set_keyring(backend({}, getattr(errors, error, None) or getattr(builtins, error)))
    assert found() is None
    keyring.set_keyring(backend({}))
    assert found() is None


# --- addresses ----------------------------------------------------------------------------------------


def test_each_vendors_addresses_are_public_and_encrypted() -> None:
    for name in vendor_names():
        vendor = load_vendor(name)
        assert all(address.startswith("https://") for address in base_addresses(vendor).values()), name


def test_an_address_of_the_environment_is_taken_for_its_part_or_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    massive = load_vendor("massive")
    monkeypatch.setenv("TAPESCAN_MASSIVE_URL", "http://127.0.0.1:8000/massive")
    assert set(base_addresses(massive).values()) == {"http://127.0.0.1:8000/massive"}
    monkeypatch.setenv("TAPESCAN_MASSIVE_FILES_URL", "https://files.example.org")
    assert base_addresses(massive)["files"] == "https://files.example.org"


@pytest.mark.parametrize(
    "text",
    [
        "pk-live-4711",
        "ftp://host",
        "https://",
        "https://host:port",
        "https://[::1",
        f"https://me:{VALUE}@host",
        f"https://host?apiKey={VALUE}",
    ],
)
def test_what_is_no_address_or_holds_a_password_is_refused_unseen(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAPESCAN_MASSIVE_URL", text)
    with pytest.raises(OptionError, match="TAPESCAN_MASSIVE_URL holds no address") as caught:
        base_addresses(load_vendor("massive"))
    assert VALUE not in "".join(traceback.format_exception(caught.value))
