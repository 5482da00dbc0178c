"""Settings: defaults, overridden by ``tapescan.toml`` in the working folder, overridden by ``TAPESCAN_*`` variables.

Command-line options override all of them.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from tapescan.errors import FileError, OptionError

__all__ = ["Settings", "load_settings"]

SETTINGS_FILE = "tapescan.toml"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """store : folder or URL of the store; empty for the embedded simulated market.
    profile : the profile used when none is named. top : rows shown. adjust : how prices are adjusted on read.
    device : what trains models and makes their forecasts; a GPU for cuda.
    """

    store: str = ""
    profile: str = "swing"
    top: Annotated[int, msgspec.Meta(ge=1)] = 20
    adjust: Literal["none", "splits", "total"] = "splits"
    device: Literal["cpu", "cuda"] = "cpu"


def load_settings(folder: Path | None = None) -> Settings:
    """Raises FileError for a broken settings file and OptionError for a broken variable."""
    path = (folder or Path()) / SETTINGS_FILE
    values: dict[str, Any] = {}
    if path.is_file():
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
            msgspec.convert(values, Settings)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
            raise FileError(f"{path}: {error}", f"it may set {', '.join(Settings.__struct_fields__)}") from error
    for name in Settings.__struct_fields__:
        variable = f"TAPESCAN_{name.upper()}"
        if variable in os.environ:
            try:
                msgspec.convert({name: os.environ[variable]}, Settings, strict=False)
            except msgspec.ValidationError as error:
                raise OptionError(f"{variable}={os.environ[variable]!r}: {error}", "correct or unset it") from error
            values[name] = os.environ[variable]
    return msgspec.convert(values, Settings, strict=False)
