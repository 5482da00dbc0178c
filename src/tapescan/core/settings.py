"""Settings, each declared once: defaults, overridden by ``tapescan.toml`` in the working folder, overridden by
``TAPESCAN_*`` variables.

What a command or a call is told overrides all of them. The variable of a setting is its name in capitals after
``TAPESCAN_``. Settings of a vendor have its name in between (`vendor_setting`); keys are secrets, and stand in
variables or in a file of their own (`vendors.keys`), never in ``tapescan.toml``. `reference_page` makes their page.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec

from tapescan.core.errors import FileError, OptionError, nearest
from tapescan.core.toml import read_toml

__all__ = [
    "Adjustment",
    "Device",
    "EngineName",
    "Settings",
    "load_settings",
    "reference_page",
    "setting",
    "variable",
    "vendor_setting",
    "vendor_variable",
]

SETTINGS_FILE = "tapescan.toml"

Adjustment = Literal["none", "splits", "total"]
Device = Literal["cpu", "cuda"]
EngineName = Literal["threads", "ray"]


def _said(text: str, **bounds: Any) -> msgspec.Meta:
    return msgspec.Meta(description=text, **bounds)


#: A folder or file; ``~`` is the user's home.
_Place = str


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings; the description of each is its documentation."""

    store: Annotated[_Place, _said("Folder or URL of the store; empty for the embedded simulated market.")] = ""
    profile: Annotated[str, _said("The profile that is used when none is named.")] = "swing"
    profiles: Annotated[_Place, _said("A folder of your own profiles.")] = ""
    screens: Annotated[_Place, _said("A folder of your own screens.")] = ""
    alerts: Annotated[_Place, _said("A folder of rules of your own alerts.")] = ""
    lists: Annotated[
        _Place, _said("A folder of lists of symbols; empty for `lists` in the user's configuration folder.")
    ] = ""
    top: Annotated[int, _said("Rows that a list shows.", ge=1)] = 20
    adjust: Annotated[Adjustment, _said("What prices are adjusted for when they are read.")] = "splits"
    models: Annotated[_Place, _said("Folder of trained models; empty for `models` in the store's folder.")] = ""
    device: Annotated[Device, _said("What trains models and makes their forecasts; `cuda` is a GPU.")] = "cpu"
    use_tft: Annotated[
        bool, _said("Whether networks (`tapescan train --learner tft`) are used where there are some.")
    ] = True
    explain: Annotated[bool, _said("Whether forecasts of models say what they are made of.")] = True
    threads: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=1024)] | None,
        _said("Worker threads; empty for as many as there are cores to use."),
    ] = None
    engine: Annotated[
        EngineName,
        _said("Where pieces of work run: on threads of this process, or on the machines of a Ray cluster."),
    ] = "threads"
    address: Annotated[
        str,
        _said("Of a Ray cluster that runs, `HOST:6379`; empty for one of this machine that lives with the process."),
    ] = ""
    cache: Annotated[
        _Place, _said("Folder for what only saves time, as compiled kernels; empty for the user's cache folder.")
    ] = ""
    rates: Annotated[
        str,
        _said(
            "Rates a year, compounded continuously, that options are valued with: `0.045`, or by days to expiry as"
            " `30:0.043, 365:0.047`; empty for what the market's own options imply."
        ),
    ] = ""
    chains: Annotated[
        int,
        _said(
            "Newest sessions whose chains of vendors are kept; a sync takes older ones out. Imported ones stay.",
            ge=1,
        ),
    ] = 5
    keep: Annotated[
        bool,
        _said(
            "Whether the market that was read of a store is kept (`.kept` in its folder, or in the cache where that"
            " cannot be written), so that the next process maps it into memory; `false` reads it each time."
        ),
    ] = True
    redis: Annotated[
        str,
        _said(
            "Address of a Redis that several processes or machines share (`redis://HOST:6379/0`, `rediss://` for TLS,"
            " `unix://PATH`): the pace at vendors, the newest results, locks. Empty for files of this machine. One"
            " with a password belongs into the variable."
        ),
    ] = ""
    keys: Annotated[
        _Place,
        _said("File with the vendors' keys, readable by you alone; empty for the user's configuration folder."),
    ] = ""


_CHOICES = (Adjustment, Device, EngineName)
_PLACES = ("store", "profiles", "screens", "alerts", "lists", "models", "cache", "keys")

#: Settings that each vendor has, by the end of the variable's name; `{vendor}` is its name in capitals.
VENDOR_SETTINGS = {
    "plan": ("TAPESCAN_{vendor}_PLAN", "The vendor's plan you have, where `--plan` names none."),
    "url": (
        "TAPESCAN_{vendor}_URL",
        "Base address in place of the vendor's own; `TAPESCAN_{vendor}_<PART>_URL` for one part of it.",
    ),
    "path": ("TAPESCAN_{vendor}_PATH", "Files of a vendor that is read from files, where `--via` names none."),
}


def variable(name: str) -> str:
    """The variable of a setting."""
    return f"TAPESCAN_{name.upper()}"


def load_settings(folder: Path | None = None) -> Settings:
    """All of them. Raises FileError for a broken settings file and OptionError for a broken variable."""
    values = _filed(folder)
    for name in Settings.__struct_fields__:
        if variable(name) in os.environ:
            values[name] = _given(name)
    return msgspec.convert(values, Settings)


def setting(name: str) -> Any:
    """One of them, by its name; a broken variable of another one does not matter."""
    if variable(name) in os.environ:
        return _given(name)
    filed = _filed(None)
    return filed[name] if name in filed else getattr(Settings(), name)


def given_variables() -> dict[str, str]:
    """Our variables that are set, of settings, vendors and keys alike."""
    return {name: text for name, text in os.environ.items() if name.startswith("TAPESCAN_")}


def vendor_variable(vendor: str, name: str, part: str = "") -> str:
    """The variable of a vendor's setting, of VENDOR_SETTINGS."""
    return "_".join(["TAPESCAN", vendor.upper(), *([part.upper()] if part else []), name.upper()])


def vendor_setting(vendor: str, name: str, part: str = "") -> str:
    """A setting of a vendor from its variable; empty where that is not set."""
    return os.environ.get(vendor_variable(vendor, name, part), "")


def from_environment(name: str) -> str:
    """A key's variable, whoever declares it; empty where it is not set."""
    return os.environ.get(name, "").strip()


def _filed(folder: Path | None) -> dict[str, Any]:
    """What the settings file says, of a folder or of the one that a program runs in."""
    if folder is None and not os.path.lexists(SETTINGS_FILE):  # as mostly, and asked for each setting
        return {}
    path = (folder or Path()) / SETTINGS_FILE
    hint = f"it may set {', '.join(Settings.__struct_fields__)}"
    try:
        values = read_toml(path)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return {}
    except OSError as error:
        raise FileError(f"{path}: {error}", "make it a readable TOML file, or take it away") from error
    except ValueError as error:
        raise FileError(f"{path}: {error}", hint) from error
    try:
        msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        raise FileError(f"{path}: {error}", _odd_name(values) or hint) from error
    return {name: _placed(name, value) for name, value in values.items()}


def _odd_name(values: dict[str, Any]) -> str:
    odd = next((name for name in values if name not in Settings.__struct_fields__), None)
    return nearest(odd, Settings.__struct_fields__) if odd else ""


def _given(name: str) -> Any:
    """The value of a setting's variable. Raises OptionError for one that it cannot have."""
    text = os.environ[variable(name)]
    if not text and getattr(Settings(), name) in ("", None):
        return getattr(Settings(), name)
    try:
        found = getattr(msgspec.convert({name: text}, Settings, strict=False), name)
    except msgspec.ValidationError as error:
        raise OptionError(f"{variable(name)}={text!r}: {error}", "correct or unset it") from error
    return _placed(name, found)


def _placed(name: str, value: Any) -> Any:
    return str(Path(value).expanduser()) if name in _PLACES and value.startswith("~") else value


def reference_page() -> str:
    """The page about settings, in Markdown."""
    lines = [
        "# Settings",
        "",
        "Each may stand in `tapescan.toml` in the working folder or in a variable; the variable wins, and what a",
        "command or a call is told wins over both. `~` at the beginning of a folder is your home.",
        "",
        "| in tapescan.toml | variable | default | meaning |",
        "| --- | --- | --- | --- |",
    ]
    hints = get_type_hints(Settings, include_extras=True)
    for name in Settings.__struct_fields__:
        kind, meta = get_args(hints[name])
        choices = f" One of {', '.join(f'`{one}`' for one in get_args(kind))}." if kind in _CHOICES else ""
        default = getattr(Settings(), name)
        shown = "" if default in ("", None) else f"`{default}`"
        lines.append(f"| `{name}` | `{variable(name)}` | {shown} | {meta.description}{choices} |")
    lines += [
        "",
        "Of each vendor, as variables only (`MASSIVE`, `ALPACA` ... in place of `{vendor}`); its keys stand in the",
        "page about vendors:",
        "",
        "| variable | meaning |",
        "| --- | --- |",
        *(f"| `{name}` | {text} |" for name, text in VENDOR_SETTINGS.values()),
    ]
    return "\n".join(lines) + "\n"
