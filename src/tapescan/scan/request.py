"""What is asked of a scan: parsed, checked and planned before any data is read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from tapescan.columns.definition import Column
from tapescan.columns.factors import points_column
from tapescan.columns.registry import all_columns, with_needs
from tapescan.core.errors import InputError, OptionError, ScreenError, nearest
from tapescan.features.plan import Plan, plan_features
from tapescan.market.eligibility import TRADED
from tapescan.models.forecast import Models
from tapescan.scan.factors import factor_columns
from tapescan.scan.forecasts import usable
from tapescan.scan.profile import Profile
from tapescan.scan.screen import Ranking, Screen, parse_ranking, parse_screen
from tapescan.scan.tradeplan import plan_features_needed

__all__ = ["Request", "prepare"]

#: How a profile's side orders the result when nothing else is asked for.
RANKING = {"long": "score desc", "short": "score asc", "both": "conviction desc"}

#: What to do about a forecast that nothing makes.
NO_MODEL = "no model that may be used makes it: `tapescan train`, `tapescan models`"


@dataclass(frozen=True)
class Request:
    """What is asked of a scan.

    shown : columns that the result carries beside those that every result has. named : those that a reader wants to
        see, every result's own among them as far as they were asked for. plan : all features that are needed.
    models : those whose forecasts are columns, and take part in the score as far as they may.
    """

    profile: Profile
    screen: Screen | None
    ranking: Ranking
    shown: tuple[str, ...]
    named: tuple[str, ...]
    plan: Plan
    models: Models


def prepare(
    profile: Profile,
    *,
    where: str | None = None,
    rank_by: str | None = None,
    features: Sequence[str] = (),
    models: Models | None = None,
) -> Request:
    """Parse and check everything a scan is asked for, so that bad input fails before any work.

    where : SQL condition over columns (`columns.registry`). rank_by : a column, with ``asc`` or ``desc`` if wanted;
    None for the profile's own: the highest score for longs, the lowest for shorts, the furthest from 50 for both.
    features : further columns to show. models : trained ones, none for None.
    Raises ScreenError and OptionError.
    """
    models = usable(models or Models(()))
    forecasts = tuple(model.card.column for model in models.models)
    made = {*forecasts, *map(points_column, forecasts)}
    screen = parse_screen(where) if where is not None else None
    ranking = parse_ranking(rank_by or RANKING[profile.side])
    wanted = _found(features, "features", OptionError, made)
    tested = _found(screen.names, "where", ScreenError, made) if screen else []
    tested += _found([ranking.column], "rank_by", ScreenError, made)
    asked = {column.name: column for column in (*wanted, *tested)}
    shown = tuple(column for column in asked.values() if not column.always)
    if screen is not None:
        # On no rows, so that a predicate of the wrong type fails now and not after the scan.
        own = {column.name: column.dtype for column in all_columns() if column.always and not column.late}
        types = own | dict.fromkeys(made, pl.Float64()) | {column.name: column.dtype for column in shown}
        screen.matches(pl.DataFrame(schema=types))
    seen = {column.name for column in wanted if not column.late}
    return Request(
        profile=profile,
        screen=screen,
        ranking=ranking,
        shown=tuple(column.name for column in shown),
        named=tuple(column.name for column in asked.values() if column.name in seen or _is_named(column)),
        plan=_plan(profile, shown, models),
        models=models,
    )


def _plan(profile: Profile, shown: Iterable[Column], models: Models) -> Plan:
    """All features that the columns shown are made of, and that a scan needs besides."""
    needed = (*factor_columns(), *plan_features_needed(profile.risk), TRADED, *(column.name for column in shown))
    bars = (column.name for column in with_needs(needed).values() if column.source == "bars")
    return plan_features((*bars, *models.features))


def _is_named(column: Column) -> bool:
    """Whether a column that was not asked for by --features is worth a look: not where every list has it anyway."""
    return not column.always or column.source in {"factors", "forecasts"}


def _found(names: Iterable[str], field: str, error_type: type[InputError], made: set[str]) -> list[Column]:
    """The columns of these names.

    field : the argument that the names come from. made : the columns of the models that may be used.
    Raises `error_type` for a name that is no column, with the nearest ones; for a forecast that no model makes; and
    for what is not known before all are ranked.
    """
    found = []
    for name in names:
        try:
            parts = with_needs([name])
        except OptionError as error:
            raise error_type(error.what, error.hint, field=field) from error
        for part in parts.values():
            of = "" if part.name == name else f"{name} is made of "
            if part.source == "forecasts" and part.name not in made:
                hint = nearest(part.name, made) or NO_MODEL
                raise error_type(f"{of}unknown name {part.name!r}", hint, field=field)
            if part.late and (of or field != "features"):  # a result has it
                what = f"{of}{part.name} is not known before all are ranked"
                raise error_type(what, "name another column", field=field)
        found.append(parts[name])
    return found
