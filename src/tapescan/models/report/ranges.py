"""What ranges were worth out of sample, all forecasters side by side: tables, and a section of the page a horizon."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from html import escape

import msgspec

from tapescan.core.pages import Table, as_html, as_text, show
from tapescan.models.cone.judge import COVERED, LEAST_T, RULE
from tapescan.models.cone.law import LEVELS
from tapescan.models.cone.record import Ranged, RangeRecord, RangesRecord
from tapescan.models.cone.unseen import UnseenCone
from tapescan.models.learners import CONE
from tapescan.models.report.range_charts import covered_over_time, levels_that_came

__all__ = ["TITLES", "merged", "range_meanings", "range_section", "range_tables", "ranges_text", "unseen_ranges_text"]

#: Forecasters as a reader knows them; others go by their names.
TITLES = {"xgboost": "XGBoost quantiles", "tft": "network"}

#: Measures: name, of a forecaster and its name, meaning.
MEASURES: tuple[tuple[str, Callable[[str, Ranged], str], str], ...] = (
    ("returns", lambda _, one: f"{one.record.rows:,}", "that were judged, none of them learnt from"),
    ("dates", lambda _, one: f"{one.record.dates:,}", "on which they begin"),
    (
        "pinball loss",
        lambda _, one: f"{one.record.loss:.4%}",
        f"mean over {len(LEVELS)} quantiles of log returns; the true quantiles have the least",
    ),
    (
        "below the rule's",
        lambda name, one: "" if name == RULE else f"{one.record.gain:+.2%}",
        "by how much the loss lies below that of last month's volatility times the root of the time",
    ),
    (
        "t beside the rule",
        lambda name, one: "" if name == RULE else show("{:+.1f}", one.record.t),
        "of the dates' differences in loss, corrected for overlapping returns; below 0 where it is better",
    ),
    (
        "below the cone's",
        lambda _, one: "" if one.over_cone is None else f"{one.over_cone.gain:+.2%}",
        "the same beside the cone",
    ),
    (
        "t beside the cone",
        lambda _, one: "" if one.over_cone is None else show("{:+.1f}", one.over_cone.t),
        "as beside the rule",
    ),
    (
        "covered",
        lambda _, one: f"{one.record.coverage:.1%}",
        "share of the returns within the middle four fifths, which should be 80 %",
    ),
    (
        "of single dates",
        lambda _, one: " to ".join(f"{one.record.by_date[at]:.0%}" for at in (0, 2)),
        "nine dates in ten lie between; shares fall together",
    ),
    (
        "gate",
        lambda name, one: "" if name == RULE else ("passed" if one.record.counts else "not passed"),
        f"t at most {LEAST_T:.0f}, and {COVERED[0]:.0%} to {COVERED[1]:.0%} covered in every fold",
    ),
)


def merged(records: Sequence[RangesRecord]) -> list[RangeRecord]:
    """The horizons of all records, ascending; what was judged on the same rows is one."""
    found: list[RangeRecord] = []
    for one in (ranged for record in records for ranged in record.horizons):
        same = next((at for at, other in enumerate(found) if _rows(other) == _rows(one)), None)
        if same is None:
            found.append(one)
        else:
            both = {**one.forecasters, **found[same].forecasters}
            first = [name for name in (RULE, CONE) if name in both]
            order = [*first, *sorted(both.keys() - {*first})]
            found[same] = msgspec.structs.replace(found[same], forecasters={name: both[name] for name in order})
    return sorted(found, key=lambda one: one.horizon)


def ranges_text(records: Sequence[RangesRecord]) -> str:
    """For a terminal."""
    lines: list[str] = []
    for one in merged(records):
        title = _title(one)
        lines += [title, "=" * len(title), *(line for table in range_tables(one) for line in (*as_text(table), ""))]
    return "\n".join([*lines, *as_text(range_meanings())]) + "\n" if lines else ""


def unseen_ranges_text(one: UnseenCone) -> str:
    """The same for a stored cone on what came after it, without a gate: that has decided."""
    lines: list[str] = []
    serving = {record.horizon: "the cone" if record.counts else "the rule" for record in one.card.records}
    for ranged in one.horizons:
        title, serves = _title(ranged), serving[ranged.horizon]
        said = f"As the cone stands, which has seen prices up to {one.card.seen}, beside the rule; {serves} serves."
        whole, *others = range_tables(ranged)
        whole = replace(whole, title="Since then, on the same returns", rows=whole.rows[:-1])
        tables = (whole, *others)
        lines += [title, "=" * len(title), said, "", *(line for table in tables for line in (*as_text(table), ""))]
    return "\n".join([*lines, *as_text(range_meanings())]) + "\n"


def range_tables(one: RangeRecord) -> list[Table]:
    """The whole, the gate last; its parts, the years' losses, and the levels."""
    names = [*one.forecasters]
    head = tuple(TITLES.get(name, name) for name in names)
    records = {name: said.record for name, said in one.forecasters.items()}
    whole = tuple((what, *(cell(name, one.forecasters[name]) for name in names)) for what, cell, _ in MEASURES)
    folds = {
        f"{fold.first} to {fold.last}": [record.folds[at].coverage for record in records.values()]
        for at, fold in enumerate(records[RULE].folds)
    }
    parts = [("fold", part, shares) for part, shares in folds.items()]
    for what, field in (
        ("year", "by_year"),
        ("volatility", "by_volatility"),
        ("dollar volume", "by_liquidity"),
        ("weeks of", "by_season"),
    ):
        groups: list[Mapping[str, float]] = [getattr(record, field) for record in records.values()]
        order = [name for name in ("low", "middle", "high") if name in groups[0]] or [*groups[0]]
        parts += [(what, part, [group[part] for group in groups]) for part in order]
    covered = tuple(
        # A group is named once.
        ("" if at and parts[at - 1][0] == what else what, part, *(f"{share:.1%}" for share in shares))
        for at, (what, part, shares) in enumerate(parts)
    )
    learnt = [name for name in names if name != RULE]
    losses = one.forecasters[RULE].losses
    years = tuple(
        (year, f"{loss:.4%}", *(f"{1.0 - one.forecasters[name].losses[year] / loss:+.2%}" for name in learnt))
        for year, loss in losses.items()
    )
    levels = tuple(
        (f"{level:.0%}", *(f"{record.levels[at]:.1%}" for record in records.values()))
        for at, level in enumerate(LEVELS)
    )
    return [
        Table("Out of sample, on the same returns", ("", *head), whole),
        Table("Returns within the middle four fifths, in parts", ("", "", *head), covered, left=2),
        Table(
            "Pinball loss by year: the rule's, and by how much the others' lie below it",
            ("year", "rule's loss", *(TITLES.get(name, name) for name in learnt)),
            years,
        ),
        Table("Returns below each quantile", ("quantile", *head), levels),
    ]


def range_section(one: RangeRecord) -> str:
    """HTML, the decision on the cone first."""
    cone = one.forecasters.get(CONE)
    said = f'<p class="gate">{escape(cone.record.reason)}</p>' if cone else ""
    titles = {name: TITLES.get(name, name) for name in one.forecasters}
    plots = "\n".join((covered_over_time(one, titles), levels_that_came(one, titles)))
    whole, *others = map(as_html, range_tables(one))
    return "\n".join((f"<h2>{escape(_title(one))}</h2>", said, whole, plots, *others, ""))


def range_meanings() -> Table:
    return Table(
        "What the numbers of ranges mean",
        ("measure", "meaning"),
        tuple((name, meaning) for name, _, meaning in MEASURES),
        left=2,
    )


def _title(one: RangeRecord) -> str:
    over = f"{one.horizon} session{'s' * (one.horizon > 1)}"
    return f"Ranges of closes over {over}, {one.sessions[0]} to {one.sessions[-1]}"


def _rows(one: RangeRecord) -> tuple[object, ...]:
    """What tells whether two were judged on the same returns."""
    rule = one.forecasters[RULE].record
    return one.horizon, one.sessions, rule.rows, rule.rule_loss
