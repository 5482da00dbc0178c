"""Keys: from the environment, from a file that only its owner can read, or from the system's keyring.

The file is ``keys.toml`` in the user's configuration folder, or the one that ``TAPESCAN_KEYS`` names, with lines
as ``TAPESCAN_MASSIVE_KEY = "..."``. A file that others can read is refused, since a key in it is no secret. The
keyring is asked under the service ``tapescan`` where the package ``keyring`` is installed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from tapescan.core.errors import FileError, OptionError, VendorError
from tapescan.core.settings import from_environment, setting
from tapescan.core.toml import read_toml
from tapescan.vendors.seam import KeyName

__all__ = ["Key", "find_keys", "key_file", "required_keys"]

SERVICE = "tapescan"


@dataclass(frozen=True)
class Key:
    """A key that was found. origin : where. value : never shown by repr."""

    name: str
    origin: str
    value: str = field(repr=False)


def find_keys(names: Sequence[KeyName]) -> dict[str, Key]:
    """The keys that are there, by our name; the environment comes first, then the file, then the keyring.

    Raises FileError for a key file that others can read, or that is not of the form above, and OptionError for a key
    with characters that cannot be sent.
    """
    found = {}
    filed = _filed()
    for wanted in names:
        key = _in_environment(wanted) or _in_file(wanted, filed) or _in_keyring(wanted)
        if key is None:
            continue
        if not key.value.isprintable() or (wanted.secret and not key.value.isascii()):
            raise OptionError(
                f"{key.name}: the key from {key.origin} holds characters that no key has", "copy it anew"
            )
        found[wanted.name] = key
    return found


def required_keys(vendor: str, names: Sequence[KeyName]) -> dict[str, Key]:
    """As `find_keys`; raises VendorError (``no_key``) when a required one is missing."""
    found = find_keys(names)
    for wanted in names:
        if wanted.required and wanted.name not in found:
            raise VendorError(
                vendor,
                "no_key",
                f"needs {wanted.what}",
                f"set {wanted.name}, or write it into {key_file()} (readable by you alone)",
                fatal=True,
            )
    return found


def key_file() -> Path:
    """Where keys are looked for; the file need not be there."""
    named = setting("keys")
    return Path(named) if named else platformdirs.user_config_path("tapescan") / "keys.toml"


def _in_environment(wanted: KeyName) -> Key | None:
    for name in (wanted.name, *wanted.others):
        if value := from_environment(name):
            return Key(wanted.name, f"${name}", value)
    return None


def _in_file(wanted: KeyName, filed: Mapping[str, str]) -> Key | None:
    value = filed.get(wanted.name, "").strip()
    return Key(wanted.name, str(key_file()), value) if value else None


def _filed() -> Mapping[str, str]:
    path = key_file()
    try:
        status = path.stat()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}", "it holds keys; make it readable by you") from error
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise FileError(f"{path}: others can read the keys in it", f"chmod 600 {path}")
    if status.st_uid != os.getuid():
        raise FileError(f"{path}: the file with the keys is not yours", "make it yours, or unset TAPESCAN_KEYS")
    try:
        values = read_toml(path)
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}", "it holds keys; make it readable by you") from error
    except ValueError:
        # Without the cause: its text may quote a line, and a line may hold a key.
        raise FileError(f"{path}: not a TOML file", 'write lines as NAME = "key"') from None
    if odd := next((name for name, value in values.items() if not isinstance(value, str)), None):
        raise FileError(f"{path}: {odd} is not a text", 'write lines as NAME = "key"')
    return values


def _in_keyring(wanted: KeyName) -> Key | None:
    try:
        import keyring
    except ImportError:
        return None
    try:
        value = (keyring.get_password(SERVICE, wanted.name) or "").strip()
    except Exception:  # noqa: BLE001 (no service runs or it stays locked, and every backend has errors of its own)
        return None
    return Key(wanted.name, "the system's keyring", value) if value else None
