"""What is asked of a scan: parsed, checked and planned before any data is read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Literal

from tapescan.columns.definition import Column
from tapescan.columns.factors import FACTORS, points_column, value_column
from tapescan.columns.options import EXPRESSED, EXPRESSED_OF
from tapescan.columns.registry import find_column, needs_of, sources_of, with_needs
from tapescan.core.errors import InputError, OptionError, ProfileError, ScreenError, nearest
from tapescan.core.text import shortened
from tapescan.features.plan import Plan, default_features, plan_features
from tapescan.market.eligibility import TRADED, WITHOUT_TRADE
from tapescan.models.forecast import Models
from tapescan.scan.cross_section import Wanted, history
from tapescan.scan.factors import factor_columns
from tapescan.scan.forecasts import usable
from tapescan.scan.named import NamedScreen
from tapescan.scan.profile import Profile
from tapescan.scan.tradeplan import plan_features_needed
from tapescan.screen.checking import Expression, Scope, check
from tapescan.screen.earlier import Look, looks
from tapescan.screen.functions import FUNCTIONS
from tapescan.screen.lists import given_symbols, read_list
from tapescan.screen.nodes import MINUTE_FRAMES, Name

__all__ = ["Ranking", "Request", "ScanColumns", "Screen", "prepare", "shown_columns", "split_features"]

#: How a profile's side orders the result when nothing else is asked for.
RANKING = {"long": "score desc", "short": "score asc", "both": "conviction desc"}

#: What to do about a forecast that nothing makes.
NO_MODEL = "no model that may be used makes it: `tapescan train`, `tapescan models`"

#: The column of an order that is an expression, and that of the screens that a symbol satisfies.
ORDER, MATCHED = "rank_by", "screens"

#: ``name = expression``, and what a name may be.
_NAMED = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]{0,63})\s*=(?!=)(.*)", re.DOTALL)
#: Expressions that need no other name than what they are.
_EXPRESSIONS = re.compile(r"(?:weekly|monthly|m5|m15|m60)\.[a-z0-9_]+")
_WAY = re.compile(r"(.*?)(?:\s+(asc|desc))?\s*", re.DOTALL | re.IGNORECASE)

#: Names that mean something else.
_TAKEN = {"daily", "weekly", "monthly", *MINUTE_FRAMES, ORDER, MATCHED, "list"}

#: What is known of the rows shown alone.
_EXPRESSED = frozenset(one.name for one in EXPRESSED)

#: What the plan says of a trade is known when its side is.
_TRADE = {"side", "entry", "stop", "target", "shares", "dollars", "risk", "limit"}


@dataclass(frozen=True)
class Ranking:
    """What orders the result, highest first unless `ascending`. column : its name; ORDER for an expression."""

    column: str
    ascending: bool
    expression: Expression

    @property
    def text(self) -> str:
        return f"{self.expression.text} {'asc' if self.ascending else 'desc'}"


@dataclass(frozen=True)
class Screen:
    """A named screen, and its condition."""

    named: NamedScreen
    condition: Expression


@dataclass(frozen=True)
class Request:
    """What is asked of a scan.

    filter : the profile's own condition. screens : the named ones; a symbol that satisfies one of them is ranked.
    where : a condition besides. computed : columns that expressions make, by name.
    shown : columns that the result carries beside those that every result has. named : those that a reader wants to
        see, every result's own among them as far as they were asked for. plan : all features that are needed.
    looks : what is needed of earlier bars.
    models : those whose forecasts are columns, and take part in the score as far as they may.
    factors : those that are computed.
    held : symbols that the account holds, which come first while they rank well. watched : columns that somebody
        else reads of what was ranked (`scan.watched`).
    """

    profile: Profile
    filter: Expression | None
    screens: tuple[Screen, ...]
    where: Expression | None
    ranking: Ranking
    computed: Mapping[str, Expression]
    shown: tuple[str, ...]
    named: tuple[str, ...]
    plan: Plan
    looks: tuple[Look, ...]
    models: Models
    factors: tuple[str, ...]
    held: tuple[str, ...] = ()
    watched: tuple[str, ...] = ()

    @property
    def expresses(self) -> bool:
        """Whether a column of plans by options is asked for."""
        return not _EXPRESSED.isdisjoint(self.named)

    @property
    def span(self) -> int:
        """Sessions of history to read."""
        return history(self.plan, self.looks)

    @property
    def wanted(self) -> Wanted:
        """Who needs which features: those that may be ranked all of them, and everybody what the result shows of
        everybody."""
        shown = [*self.shown, *(name for one in self.computed.values() for name in one.columns)]
        shown += self.ranking.expression.columns
        # A learner that compares symbols with each other may need those that are not ranked.
        if any(not model.learner.facts.alone for model in self.models.models):
            shown += self.models.features
        columns = with_needs(shown).values()
        return Wanted(self.profile.filters, tuple(column.name for column in columns if column.source == "bars"))

    @property
    def plans(self) -> tuple[Plan, ...]:
        """All that is computed."""
        return (self.plan, *(plan for look in self.looks for _, plan in look.plans))

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """All of them."""
        every = (self.filter, self.where, self.ranking.expression, *self.computed.values())
        return (*(one for one in every if one is not None), *(screen.condition for screen in self.screens))

    @property
    def asked(self) -> tuple[str, ...]:
        """The columns that it shows, that its expressions need, or that are watched."""
        written = (name for one in self.expressions for name in one.columns)
        return tuple(dict.fromkeys((*self.shown, *written, *self.watched)))

    @cached_property
    def ranges(self) -> bool:
        """Whether it shows ranges, or its expressions need some."""
        return any("ranges" in sources_of(name) for name in self.asked)

    def bare(self, features: Iterable[str]) -> Request:
        """With those factors alone that the score or an expression hangs on, and features besides: who is ranked, in
        which order, with which score and trade, stays the same.
        """
        factors = _factors(self.profile, self.asked, every=False)
        plan = _plan(self.profile, (*self.asked, *features), self.models, factors)
        return replace(self, factors=factors, plan=plan)

    @property
    def lists(self) -> dict[str, frozenset[str]]:
        """The lists that it names."""
        return {name: symbols for one in self.expressions for name, symbols in one.lists.items()}


def prepare(
    profile: Profile,
    *,
    where: str | None = None,
    rank_by: str | None = None,
    features: Sequence[str] = (),
    models: Models | None = None,
    screens: Sequence[NamedScreen] = (),
    held: str | Iterable[str] = (),
    express: bool = False,
) -> Request:
    """Parse and check everything a scan is asked for, so that bad input fails before any work.

    where : condition over columns (`columns.registry`). rank_by : a column or expression, with ``asc`` or ``desc`` if
    wanted; None for the screen's or the profile's own: the highest score for longs, the lowest for shorts, the
    furthest from 50 for both.
    features : further columns to show, each a name or ``name = expression``. models : trained ones, none for None.
    screens : named ones; who satisfies one of them is ranked, if it satisfies `where` as well.
    held : symbols that the account holds, or ``list:NAME``. express : whether plans are going to be expressed, as
    they are where a column of it is among the features.
    Raises ScreenError, OptionError, FileError and ProfileError.
    """
    models = usable(models or Models(()))
    columns = ScanColumns(models)
    computed: dict[str, Expression] = {}
    wanted = columns.features(features, computed)
    for screen in screens:
        with _said_of(screen):
            wanted += columns.features(screen.columns, computed)
    condition = None if where is None else check(where, columns.scope("where", computed), "where", "condition")
    found = tuple(_screen(one, columns, computed) for one in screens)
    with _said_of(None if rank_by or len(screens) != 1 else screens[0]):
        ranking = _ranking(rank_by or _order(profile, screens), columns, computed)
    expressions = [*computed.values(), *(one.condition for one in found), ranking.expression]
    filtered = _filter(profile, columns)
    expressions += [one for one in (condition, filtered) if one is not None]
    written = [*(condition.written if condition else ()), *ranking.expression.written]
    asked = {column.name: column for column in (*wanted, *map(find_column, written))}
    shown = tuple(name for name, column in asked.items() if not (column.always or name in _EXPRESSED))
    besides = EXPRESSED_OF if express or not _EXPRESSED.isdisjoint(asked) else ()
    needed = dict.fromkeys((*shown, *(name for one in expressions for name in one.columns)))
    terms = [term for one in expressions for term in one.terms]
    seen = {column.name for column in wanted if not column.late}
    own = [column.name for column in asked.values() if column.name in seen or _is_named(column)]
    marks = [*([ORDER] * (ranking.column == ORDER)), *([MATCHED] * (len(found) > 1))]
    factors = _factors(profile, needed, every=True)
    return Request(
        profile=profile,
        filter=filtered,
        screens=found,
        where=condition,
        ranking=ranking,
        computed=computed,
        shown=shown,
        named=tuple(dict.fromkeys((*computed, *own, *marks))),
        plan=_plan(profile, (*needed, *besides), models, factors),
        looks=looks(terms),
        models=models,
        factors=factors,
        held=given_symbols(held, "held") if held else (),
    )


def shown_columns(features: Sequence[str] | str) -> tuple[str, ...]:
    """The columns to show as a person names them: some, one, or ``all`` default features."""
    return default_features() if features == "all" else (features,) if isinstance(features, str) else tuple(features)


def split_features(text: str) -> list[str]:
    """A list of columns, commas between, at those commas that stand in no bracket and no text."""
    found, depth, quoted, begin = [], 0, False, 0
    for at, sign in enumerate(text):
        if sign == "'":
            quoted = not quoted
        elif not quoted:
            depth += (sign in "([") - (sign in ")]")
            if sign == "," and depth == 0:
                found.append(text[begin:at])
                begin = at + 1
    return [part for one in (*found, text[begin:]) if (part := one.strip())]


class ScanColumns:
    """The columns that a scan with these models has."""

    def __init__(self, models: Models) -> None:
        forecasts = tuple(model.card.column for model in models.models)
        self.made = {*forecasts, *map(points_column, forecasts)}

    def scope(
        self, field: str, named: Mapping[str, Expression], without: Literal["", "trade", "ranks"] = ""
    ) -> Scope:
        """What an expression may name. without : ``trade`` for no column of the plan, ``ranks`` for none that is
        known when all are ranked."""
        return Scope(partial(self.find, field, without), _members, named)

    def find(self, field: str, without: str, name: str) -> Column:
        """The column of a name. field : the argument that it comes from.

        Raises InputError for a name that is no column, with the nearest ones; for a forecast that no model makes; and
        for what is not known in time.
        """
        parts = with_needs([name])
        for part in parts.values():
            of = "" if part.name == name else f"{name} is made of "
            if part.source == "forecasts" and part.name not in self.made:
                raise OptionError(f"{of}unknown name {part.name!r}", nearest(part.name, self.made) or NO_MODEL)
            if part.late and (of or field != "features"):  # a result has it
                raise OptionError(f"{of}{part.name} is not known before all are ranked", "name another column")
            if without == "trade" and part.name in _TRADE:
                raise OptionError(f"{of}{part.name} is of the trade, which the screen decides", "say it in --where")
            if without == "ranks" and part.source in {"factors", "forecasts", "plan"}:
                raise OptionError(f"{of}{part.name} is not known before it is said who is ranked", "name another one")
        return parts[name]

    def features(self, texts: Sequence[str], computed: dict[str, Expression]) -> list[Column]:
        """The columns to show; those that expressions make are added to `computed`."""
        wanted: list[Column] = []
        for text in texts:
            named = _NAMED.fullmatch(text)
            if named is None:
                name = text.strip()
                if name not in computed:
                    wanted += self._shown(name, computed)
                continue
            name = named.group(1).lower()
            made = check(named.group(2), self.scope("features", computed), "features")
            late = next((one for one in made.columns if find_column(one).late), None)
            if late is not None:
                what = f"{late} is not known before all are ranked"
                raise OptionError(what, "name another column", field="features")
            if name in computed and computed[name].node == made.node:
                continue
            if name in _TAKEN or name in computed or name in FUNCTIONS or _is_column(name):
                what = f"{name!r} is a name already"
                raise OptionError(what, "give the column another name", field="features")
            computed[name] = made
        return wanted

    def _shown(self, name: str, computed: dict[str, Expression]) -> list[Column]:
        if _EXPRESSIONS.fullmatch(name) or (name in FUNCTIONS and FUNCTIONS[name].definition):
            computed[name] = check(name, self.scope("features", computed), "features")
            return []
        try:
            return [self.find("features", "", name)]
        except OptionError as error:
            hint = error.hint if set(name).isdisjoint("()[].<>+*/ ") else f"give it a name: mine = {shortened(name)}"
            raise OptionError(error.what, hint, field="features") from error


def _is_column(name: str) -> bool:
    try:
        find_column(name)
    except OptionError as error:
        # A rule that is broken (rsi_1) is of a column all the same.
        return not error.what.startswith("unknown name")
    return True


def _members(name: str) -> frozenset[str]:
    return frozenset(read_list(name))


def _screen(named: NamedScreen, columns: ScanColumns, computed: Mapping[str, Expression]) -> Screen:
    with _said_of(named):
        return Screen(named, check(named.where, columns.scope("where", computed, "trade"), "", "condition"))


@contextmanager
def _said_of(screen: NamedScreen | None) -> Iterator[None]:
    """An error within is one of the screen's; of what was asked for itself where it is None."""
    try:
        yield
    except InputError as error:
        if screen is None:
            raise
        what = f"{error.field}: {error.what}" if error.field else error.what
        raise ScreenError(f"the screen {screen.name}: {what}", error.hint, field="screen") from error


def _filter(profile: Profile, columns: ScanColumns) -> Expression | None:
    if not profile.filters.where:
        return None
    try:
        return check(profile.filters.where, columns.scope("where", {}, "ranks"), "", "condition")
    except ScreenError as error:
        raise ProfileError(f"profile {profile.name}: filters.where: {error.what}", error.hint) from error


def _order(profile: Profile, screens: Sequence[NamedScreen]) -> str:
    """The order when none is asked for: the screen's, where it is one alone; else that of its trades' side."""
    if len(screens) == 1 and screens[0].rank_by:
        return screens[0].rank_by
    sides = {screen.side or profile.side for screen in screens} or {profile.side}
    return RANKING[sides.pop() if len(sides) == 1 else "both"]


def _ranking(text: str, columns: ScanColumns, computed: Mapping[str, Expression]) -> Ranking:
    """``score``, ``rsi_2 asc``, ``close / sma_50 desc``."""
    found = _WAY.fullmatch(text)
    assert found is not None
    expression, way = found.group(1).strip(), (found.group(2) or "desc").lower()
    if not expression:
        raise ScreenError(f"{text!r}", 'expected a column and, if wanted, asc or desc: "rsi_2 asc"', field="rank_by")
    made = check(expression, columns.scope("rank_by", computed), "rank_by")
    plain = isinstance(made.parsed, Name) and (isinstance(made.node, Name) or made.parsed.name in computed)
    return Ranking(made.parsed.name if plain and isinstance(made.parsed, Name) else ORDER, way == "asc", made)


def _factors(profile: Profile, names: Iterable[str], *, every: bool) -> tuple[str, ...]:
    """Those that a weight or a name asks for. every : and those that every scan has."""
    weights, named = profile.weights.factors(), with_needs(names)
    return tuple(
        one.name
        for one in FACTORS
        if (every and not one.asked)
        or weights[one.name] > 0.0
        or value_column(one.name) in named
        or points_column(one.name) in named
    )


def _plan(profile: Profile, names: Iterable[str], models: Models, factors: tuple[str, ...]) -> Plan:
    """All features that these columns are made of, and that a scan with these factors needs besides."""
    needed = (*factor_columns(factors), *plan_features_needed(profile.risk), TRADED, WITHOUT_TRADE)
    return plan_features((*needs_of((*needed, *names), "bars"), *models.features))


def _is_named(column: Column) -> bool:
    """Whether a column that was not asked for by --features is worth a look: not where every list has it anyway."""
    return not column.always or column.source in {"factors", "forecasts"}
