"""Named screens: a condition with all that goes with it, each a TOML file.

The shipped ones lie in ``scan/screens``; your own in the folder that the setting `screens` names, and a file there
comes before a shipped one of the same name.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from tapescan.core.errors import OptionError, ScreenError, nearest
from tapescan.core.settings import setting
from tapescan.core.toml import read_toml, toml_files
from tapescan.scan.profile import Profile, load_profile

__all__ = ["NamedScreen", "chosen_screens", "load_screen", "screen_files"]

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
#: Bytes of a screen's file.
LARGEST = 100_000

Words = Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]


class NamedScreen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A screen as read from its file.

    title : a few words. where : the condition. rank_by : the order; the profile's own where it is empty.
    columns : to show, as ``--features`` takes them. profile : that it is meant for; any where it is empty.
    side : of its trades; the profile's where it is empty. source : where it was published.
    claims : what its source says of it. differs : what is left out or done otherwise here.
    """

    title: Words
    where: Annotated[str, msgspec.Meta(min_length=1, max_length=40_000)]
    rank_by: str = ""
    columns: tuple[str, ...] = ()
    profile: str = ""
    side: Literal["", "long", "short"] = ""
    source: str = ""
    claims: str = ""
    differs: str = ""
    name: str = ""

    @property
    def digest(self) -> str:
        """Names what the screen asks for, whatever the file is called and says of it."""
        asked = {name: getattr(self, name) for name in ("where", "rank_by", "columns", "profile", "side")}
        return hashlib.sha256(msgspec.json.encode(asked, order="sorted")).hexdigest()[:16]


def screen_files() -> dict[str, Path]:
    """The files of all screens by name, in order."""
    found: dict[str, Path] = {}
    own = setting("screens")
    if own and not Path(own).is_dir():
        raise OptionError(f"there is no folder {own}", "make it, or correct the setting `screens`", field="screens")
    for folder in (Path(str(resources.files("tapescan.scan") / "screens")), *((Path(own),) if own else ())):
        found |= {name: path for name, path in toml_files(folder).items() if _NAME.fullmatch(name)}
    return dict(sorted(found.items()))


def load_screen(name: str) -> NamedScreen:
    """The screen of that name, or of a TOML file's path.

    Raises ScreenError for a name that is not known, with the nearest ones, and for a file that is no screen.
    """
    if name.endswith(".toml") or os.sep in name:
        return _parse(Path(name))
    files = screen_files()
    if name not in files:
        hint = nearest(name, files) or "`tapescan screens` lists them"
        raise ScreenError(f"unknown screen {name!r}", hint, field="screen")
    return _parse(files[name])


def chosen_screens(
    wanted: Sequence[str | NamedScreen] | str, profile: str | Profile | None
) -> tuple[tuple[NamedScreen, ...], Profile, tuple[str, ...]]:
    """The screens that are wanted, the profile to rank by, and what a reader should know of it.

    profile : the one that is wanted; None for the one that the screens name, else the one that the settings name.
    """
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    screens = tuple(load_screen(one) if isinstance(one, str) else one for one in names if one)
    twice = next((one.name for one in screens if sum(one.name == other.name for other in screens) > 1), None)
    if twice is not None:
        raise ScreenError(f"the screen {twice} is asked for twice", "name it once", field="screen")
    if isinstance(profile, Profile):
        return screens, profile, ()
    if profile:
        return screens, load_profile(profile), ()
    meant = {screen.profile for screen in screens if screen.profile}
    found = load_profile(meant.pop() if len(meant) == 1 else setting("profile"))
    several = f"the screens are meant for several profiles: ranked by {found.name}; --profile names another one"
    return screens, found, (several,) if meant else ()


def _parse(path: Path) -> NamedScreen:
    try:
        screen = msgspec.convert(read_toml(path), NamedScreen)
    except OSError as error:
        raise ScreenError(f"{path}: {error.strerror or error}", "name a file, or a screen", field="screen") from error
    except msgspec.ValidationError as error:
        hint = f"a screen may set {', '.join(NamedScreen.__struct_fields__)}"
        raise ScreenError(f"{path}: {error}", hint, field="screen") from error
    except ValueError as error:
        raise ScreenError(f"{path}: {error}", "correct the TOML there", field="screen") from error
    for field in NamedScreen.__struct_fields__:
        # What is shown on terminals holds nothing that commands them.
        if not "".join(getattr(screen, field)).replace("\n", " ").isprintable():
            raise ScreenError(f"{path}: {field} holds signs that cannot be printed", "take them out", field="screen")
    return msgspec.structs.replace(screen, name=screen.name or path.stem)
