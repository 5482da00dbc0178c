"""Rules of alerts: TOML files of a person, read and checked whole before anything runs.

    [[alert]]
    name = "pullback"
    title = "A pullback in a rising share"
    on = "condition"
    where = "rsi_2 < 10 AND close > sma_200"
    until = "rsi_2 > 30"
    to = ["phone"]

Your own lie in the folder that the setting `alerts` names. The shipped ones are examples: they are used where they
are named, and not by themselves.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from tapescan.core.errors import FileError, OptionError, nearest
from tapescan.core.settings import setting
from tapescan.core.toml import read_toml

__all__ = ["Rule", "Wanted", "address_variable", "read_rules", "rule_files"]

#: What rules are wanted: a file, a folder, the name of a shipped file; True for the folder that the setting names.
Wanted: TypeAlias = "str | Path | Literal[True] | Sequence[Rule]"

_NAME = r"[a-z0-9][a-z0-9_-]{0,63}"
Name = Annotated[str, msgspec.Meta(pattern=rf"^{_NAME}\Z")]
Words = Annotated[str, msgspec.Meta(max_length=200)]
Text = Annotated[str, msgspec.Meta(max_length=40_000)]


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule as its file says it.

    on : ``condition``: a condition of a symbol; ``screen``: a named screen; ``plan``: the stop or target of a trade
        plan; ``feed``: bars that do not come.
    when : of a condition, a screen and a feed ``enter`` (it becomes true), ``leave`` or ``both``; of a plan ``stop``,
        ``target`` or ``both``. Empty for ``enter``, and for a plan ``both``.
    where, until : the condition, and the one that ends it; what ends where it is false, where `until` is empty.
    screen : the named screen. symbols : these alone, or ``list:NAME``; everybody who may be ranked where there are
        none. of : for a plan, the rule whose alerts begin one. columns : told with the alert.
    again : more than once a symbol and session, `cooldown` minutes apart at least. most : a session.
    quiet : hours in which nothing is sent, ``22:00-07:00``, in `zone`.
    lag : for a feed, seconds from the last message of a minute to its scan that are too many; 0 for any.
    silent : minutes in which nobody trades. to : addresses; see `address_variable`. file : where it stands.
    """

    name: Name
    on: Literal["condition", "screen", "plan", "feed"]
    title: Words = ""
    when: Literal["", "enter", "leave", "both", "stop", "target"] = ""
    where: Text = ""
    until: Text = ""
    screen: Words = ""
    symbols: str | tuple[str, ...] = ()
    of: Words = ""
    columns: Annotated[tuple[Words, ...], msgspec.Meta(max_length=20)] = ()
    again: bool = False
    cooldown: Annotated[int, msgspec.Meta(ge=1, le=390)] = 15
    most: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 50
    quiet: Annotated[tuple[Words, ...], msgspec.Meta(max_length=10)] = ()
    zone: Words = "America/New_York"
    lag: Annotated[float, msgspec.Meta(ge=0.0, le=86_400.0)] = 0.0
    silent: Annotated[int, msgspec.Meta(ge=1, le=390)] = 3
    to: Annotated[tuple[Name, ...], msgspec.Meta(max_length=10)] = ()
    file: str = ""

    @property
    def edges(self) -> tuple[bool, bool]:
        """Whether it alerts when something begins, and when it ends; of a plan at the stop, and at the target."""
        when = self.when or ("both" if self.on == "plan" else "enter")
        return when in {"enter", "stop", "both"}, when in {"leave", "target", "both"}


#: What a file may set.
_SET = tuple(field for field in Rule.__struct_fields__ if field != "file")
#: Fields of each kind of rule beside those that all have, and those of them that it cannot be without.
_EVERY = {"name", "on", "title", "when", "quiet", "zone", "most", "to"}
_FIELDS: dict[str, tuple[set[str], set[str]]] = {
    "condition": ({"where", "until", "symbols", "columns", "again", "cooldown"}, {"where"}),
    "screen": ({"screen", "until", "symbols", "columns", "again", "cooldown"}, {"screen"}),
    "plan": ({"symbols", "of", "columns"}, set()),
    "feed": ({"lag", "silent", "again", "cooldown"}, set()),
}
_WHEN = {"plan": {"", "stop", "target", "both"}}


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    alert: Annotated[tuple[dict[str, Any], ...], msgspec.Meta(min_length=1, max_length=200)]


def address_variable(name: str) -> str:
    """The variable, or line of the keys' file, that holds an address: ``TAPESCAN_ALERT_PHONE`` for ``phone``."""
    return f"TAPESCAN_ALERT_{name.upper().replace('-', '_')}"


def rule_files(wanted: str | Path | Literal[True] | None = None) -> list[Path]:
    """The files that are wanted, in order; those of the setting's folder, and the shipped ones, for None.

    Raises OptionError where nothing is there.
    """
    shipped = sorted(Path(str(resources.files("tapescan.alerts") / "rules")).glob("*.toml"))
    own = setting("alerts")
    if wanted is None:
        return [*(_in_folder(Path(own)) if own else ()), *shipped]
    if wanted is True:
        if not own:
            hint = "set `alerts` to a folder of rules, or name a file"
            raise OptionError("there are no rules of your own", hint, field="alerts")
        return _in_folder(Path(own))
    place = Path(wanted)
    if place.is_dir():
        return _in_folder(place)
    if place.suffix == ".toml" or place.is_file():
        return [place]
    named = {one.stem: one for one in (*shipped, *(_in_folder(Path(own)) if own else ()))}
    if str(wanted) not in named:
        hint = nearest(str(wanted), named) or "name a file of rules, a folder, or one of `tapescan alerts list`"
        raise OptionError(f"there are no rules {str(wanted)!r}", hint, field="alerts")
    return [named[str(wanted)]]


def read_rules(wanted: Wanted) -> tuple[Rule, ...]:
    """The rules that are wanted. Raises FileError, which names file, rule and field, and OptionError."""
    if not isinstance(wanted, str | Path | bool):
        return tuple(wanted)
    found: dict[str, tuple[Rule, Path]] = {}
    for path in rule_files(wanted):
        for one in _read(path):
            if one.name in found:
                where = found[one.name][1]
                hint = f"{'it' if where == path else where} has one of that name already"
                raise FileError(f"{path}: rule {one.name}", hint, field="alerts")
            found[one.name] = (one, path)
    if not found:
        raise OptionError(f"{wanted}: there is no rule", "write one: docs/guides/alerts.md", field="alerts")
    rules = tuple(rule for rule, _ in found.values())
    for rule, path in found.values():
        if rule.of and (rule.of not in found or found[rule.of][0].on not in {"condition", "screen"}):
            hint = nearest(rule.of, found) or "name a rule on a condition or a screen"
            raise FileError(f"{path}: rule {rule.name}: of: there is no such rule {rule.of!r}", hint, field="alerts")
    return rules


def _in_folder(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise OptionError(f"there is no folder {folder}", "make it, or correct the setting `alerts`", field="alerts")
    return sorted(folder.glob("*.toml"))


def _read(path: Path) -> list[Rule]:
    try:
        tables = msgspec.convert(read_toml(path), _File).alert
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}", "name a file of rules", field="alerts") from error
    except msgspec.ValidationError as error:
        raise FileError(f"{path}: {error}", "write [[alert]] above each rule", field="alerts") from error
    except ValueError as error:
        raise FileError(f"{path}: {error}", "correct the TOML there", field="alerts") from error
    return [_rule(path, number, table) for number, table in enumerate(tables, start=1)]


def _rule(path: Path, number: int, table: dict[str, Any]) -> Rule:
    name = table.get("name")
    of = f"rule {name}" if isinstance(name, str) and re.fullmatch(_NAME, name) else f"rule {number}"

    def refuse(what: str, hint: str) -> FileError:
        return FileError(f"{path}: {of}: {what}", hint, field="alerts")

    odd = next((field for field in table if field not in _SET), None)
    if odd is not None:
        hint = nearest(odd, _SET) or f"a rule may set {', '.join(_SET)}"
        raise refuse(f"{odd}: there is no such field", hint)
    try:
        rule = msgspec.convert(table, Rule)
    except msgspec.ValidationError as error:
        said, _, place = str(error).rpartition(" - at ")
        field = place.strip("`").removeprefix("$").lstrip(".")
        if "regex" in said:
            raise refuse(f"{field}: it is no name", "use a to z, digits, - and _, at most 64") from error
        raise refuse(f"{field}: {said}" if field and said else str(error), "correct it") from error
    for field in Rule.__struct_fields__:
        value = getattr(rule, field)
        # What is shown on terminals and sent to people holds nothing that commands their screens.
        texts = value if isinstance(value, tuple) else (value,) if isinstance(value, str) else ()
        if not "".join(texts).replace("\n", " ").isprintable():
            raise refuse(f"{field}: it holds signs that cannot be printed", "take them out")
    may, must = _FIELDS[rule.on]
    unused = next((field for field in table if field not in may | _EVERY), None)
    if unused is not None:
        raise refuse(f"{unused}: it says nothing of a rule on {rule.on}", "take it out")
    absent = next((field for field in sorted(must) if not getattr(rule, field).strip()), None)
    if absent is not None:
        raise refuse(f"{absent}: a rule on {rule.on} needs one", "write it")
    fits = _WHEN.get(rule.on, {"", "enter", "leave", "both"})
    if rule.when not in fits:
        raise refuse(f"when: {rule.when!r}", f"write {', '.join(sorted(filter(None, fits)))}")
    if "cooldown" in table and not rule.again:
        raise refuse("cooldown: it is sent once a session", "write again = true besides")
    if rule.on == "plan" and bool(rule.of) == bool(rule.symbols):
        raise refuse("of: whose plans are watched is not said", "name symbols, or the rule whose alerts begin them")
    return msgspec.structs.replace(rule, file=str(path))
