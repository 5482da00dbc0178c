"""Rules checked: every expression parsed, every list, screen and time zone found, before anything runs."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from zoneinfo import ZoneInfo

import msgspec

from tapescan.alerts.rules import Rule
from tapescan.core.errors import FileError, InputError
from tapescan.live.hours import moment_of
from tapescan.models.forecast import Models
from tapescan.scan.named import load_screen
from tapescan.scan.request import Request
from tapescan.scan.watched import Conditional, watching
from tapescan.screen.checking import Expression
from tapescan.screen.lists import given_symbols, lists_digest

__all__ = ["Checked", "Hours", "check_rules", "watching_rules"]

_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True)
class Hours:
    """Hours of each day in a zone. spans : begin and end, minutes since midnight by the clock on the wall; an end
    that is not after its begin is of the next day."""

    zone: ZoneInfo
    spans: tuple[tuple[int, int], ...]

    def hold(self, session: dt.date, minute: int) -> bool:
        """Whether a minute of a session, counted from midnight in New York, lies in them."""
        if not self.spans:
            return False
        local = moment_of(session, minute).astimezone(self.zone)
        at = local.hour * 60 + local.minute
        return any(begin <= at < end if begin < end else at >= begin or at < end for begin, end in self.spans)


@dataclass(frozen=True)
class Checked:
    """A rule that can be judged. symbols : those that it is about; None for all that may be ranked."""

    rule: Rule
    where: Expression | None
    until: Expression | None
    symbols: frozenset[str] | None
    quiet: Hours
    digest: str

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """What has to be known of each symbol."""
        return tuple(one for one in (self.where, self.until) if one is not None)


def check_rules(rules: Iterable[Rule], models: Models | None = None) -> tuple[Checked, ...]:
    """All of them, each with what it hangs on; those of plans last, since alerts of others begin them.

    models : whose forecasts may be named. Raises FileError, which names rule and field.
    """
    named = Conditional(models)
    checked = [_checked(rule, named) for rule in rules]
    return tuple(sorted(checked, key=lambda one: one.rule.on == "plan"))


def watching_rules(request: Request, rules: Iterable[Checked]) -> Request:
    """The scan's request with what the rules look at."""
    rules = tuple(rules)
    expressions = [one for rule in rules for one in rule.expressions]
    return watching(request, expressions, [name for rule in rules for name in rule.rule.columns])


def _checked(rule: Rule, named: Conditional) -> Checked:
    at = partial(_said_of, rule)
    where = until = None
    asked: list[str] = []
    if rule.on == "condition":
        with at("where"):
            where = named.condition(rule.where, "")
        asked.append(rule.where)
    if rule.on == "screen":
        with at("screen"):
            screen = load_screen(rule.screen)
            where = named.screen(screen)
        asked.append(screen.digest)
    if rule.until.strip():
        with at("until"):
            until = named.condition(rule.until, "")
    symbols = None
    if rule.symbols:
        with at("symbols"):
            symbols = frozenset(given_symbols(rule.symbols, "symbols"))
            if not symbols:
                raise FileError("there is none", "name some, or take it out")
    with at("columns"):
        for name in rule.columns:
            named.column(name, "")
    of_lists = [f"{name} {lists_digest(some)}" for one in (where, until) if one for name, some in one.lists.items()]
    facts = [rule.on, rule.when, rule.until, rule.of, lists_digest(symbols or ()), rule.lag, rule.silent]
    digest = hashlib.sha256(msgspec.json.encode([facts, asked, sorted(of_lists)])).hexdigest()[:12]
    return Checked(rule, where, until, symbols, _hours(rule), digest)


def _hours(rule: Rule) -> Hours:
    with _said_of(rule, "zone"):
        try:
            zone = ZoneInfo(rule.zone)
        except (ValueError, OSError, LookupError):
            raise FileError(f"unknown time zone {rule.zone!r}", 'write it as "Europe/Berlin"') from None
    spans = []
    for text in rule.quiet:
        found = _SPAN.fullmatch(text.strip())
        hours = [int(part) for part in found.groups()] if found else [0, 0, 0, 0]
        begin, end = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
        if begin == end:
            with _said_of(rule, "quiet"):
                raise FileError(f"{text!r} is no span of hours", 'write it as "22:00-07:00"')
        spans.append((begin, end))
    return Hours(zone, tuple(spans))


@contextmanager
def _said_of(rule: Rule, field: str) -> Iterator[None]:
    """An error within is one of a rule's field."""
    try:
        yield
    except InputError as error:
        said = f"{error.field}: {error.what}" if error.field and error.field != field else error.what
        place = f"{rule.file}: " if rule.file else ""
        raise FileError(f"{place}rule {rule.name}: {field}: {said}", error.hint, field="alerts") from error
