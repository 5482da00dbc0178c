"""Which columns have other bars than the newest of a session: earlier and longer ones, and those of some minutes."""

from __future__ import annotations

from tapescan.columns.registry import with_needs
from tapescan.features.plan import find_feature
from tapescan.screen.nodes import MINUTE_FRAMES, Name

__all__ = ["why_not"]

#: Inputs of indicators that bars of some minutes have.
_OF_MINUTES = frozenset(("open", "high", "low", "close", "volume"))


def why_not(name: Name) -> tuple[str, str] | None:
    """What is wrong with a column's name where bars are looked at, and what to do; None where nothing is."""
    made_of = with_needs([name.name]).values()
    odd = next((one for one in made_of if one.value is None and one.source != "bars"), None)
    if odd is not None:
        of = "" if odd.name == name.name else f", which is made of {odd.name},"
        where = f"{name.frame} bars" if name.frame else "earlier bars"
        return f"{name.name}{of} has no {where}", "name a column of bars (`tapescan columns --source bars`)"
    for one in made_of if name.frame in MINUTE_FRAMES else ():
        found = find_feature(one.name) if one.value is None else None
        if found is not None and not _OF_MINUTES.issuperset(found[0].inputs):
            what = f"{name.name} needs the market index or the days of sessions, and has no {name.frame} bars"
            return what, "name a column that is made of prices and volumes"
    return None
