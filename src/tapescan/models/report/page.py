"""What the models were worth out of sample, beside the baselines: tables for a terminal, and one HTML page.

The page needs nothing else: its plots are SVG drawn here, and it reaches for no network.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from tapescan.core.files import write_at_once
from tapescan.core.pages import Table, as_html, as_text, page, show
from tapescan.core.text import printable
from tapescan.models.cone.record import RangesRecord
from tapescan.models.judging.unseen import Unseen
from tapescan.models.registry.record import MODEL, JudgementRecord, Record, SummaryRecord, from_judgement
from tapescan.models.report.charts import PLOTS
from tapescan.models.report.order import order_tables
from tapescan.models.report.ranges import merged, range_meanings, range_section

__all__ = ["table", "unseen_table", "write_html"]

#: Measures: field of a summary, name, format, meaning.
MEASURES = (
    ("dates", "dates", "{:,}", "sessions on which forecasts were judged, none of them trained on"),
    ("pairs", "symbols", "{:,.0f}", "mean number of symbols a date with a forecast and a return"),
    ("ic", "IC", "{:.4f}", "mean correlation, date by date, of forecasts with forward returns, -1 to 1"),
    ("icir", "ICIR", "{:.2f}", "mean IC over its standard deviation between dates, not annualised"),
    ("rank_ic", "rank IC", "{:.4f}", "as IC, of ranks (Spearman), which single returns cannot sway"),
    ("rank_icir", "rank ICIR", "{:.2f}", "mean rank IC over its standard deviation between dates"),
    (
        "t",
        "t",
        "{:.1f}",
        "mean rank IC over its standard error, corrected for overlapping returns; chance stays within 2 in 19 of 20",
    ),
    ("positive", "positive", "{:.0%}", "share of the dates with a rank IC above 0"),
    (
        "spread",
        "spread",
        "{:.3%}",
        "mean return over a horizon of the best tenth by forecast minus that of the worst",
    ),
    ("net_spread", "net spread", "{:.3%}", "spread minus the stated costs of what is replaced"),
    (
        "net_spread_yearly",
        "net a year",
        "{:.1%}",
        "net spread times the portfolios that follow each other in a year",
    ),
    ("net_t", "net t", "{:.1f}", "t of the net spread"),
    ("turnover", "turnover", "{:.0%}", "share of the two tenths that is replaced after each horizon"),
)

GATE_WORDS = {
    "rank_ic": "mean rank IC out of sample",
    "t": "its t",
    "needed_t": "the t that it must reach, with so many trainings tried",
    "icir": "its rank ICIR, shrunk towards 0 for few dates",
    "best_baseline_icir": "the best baseline's, shrunk likewise",
    "net_spread": "mean spread after costs, a ratio",
    "train_rank_ic": "rank IC on the training's own rows",
}


def table(records: Sequence[Record]) -> str:
    """The records as plain text for a terminal, about 100 columns wide, with the meaning of each measure last."""
    lines: list[str] = []
    for record in records:
        title = _title(record)
        lines += [title, "=" * len(title), *_sentences(record), ""]
        for one in (_main(record.judgements), *_parts(record), *_paths(record)):
            lines += [*as_text(one), ""]
    return "\n".join([*lines, *as_text(_meanings())]) + "\n"


def unseen_table(unseen: Sequence[Unseen]) -> str:
    """The same for the stored models on what came after their training."""
    lines: list[str] = []
    for one in unseen:
        judged = {name: from_judgement(judgement) for name, judgement in one.judgements.items()}
        days = judged[MODEL].per_date.session
        title = f"{one.card.name}, trained on {one.card.first} to {one.card.last}, as it stands"
        said = f"Judged from {days[0]} to {days[-1]} on {_every(one.card.every)}, sessions that it has not seen."
        lines += [
            title,
            "=" * len(title),
            said,
            "",
            *as_text(_main(judged, "Since its training, beside the baselines")),
            "",
        ]
    return "\n".join([*lines, *as_text(_meanings())]) + "\n"


def write_html(records: Sequence[Record], path: Path, ranges: Sequence[RangesRecord] = ()) -> None:
    """Write one page with the tables and plots of all records; the same records give the same bytes.

    ranges : records of ranges; each horizon has a section. Raises FileError when the file cannot be written.
    """
    title = "tapescan: what the models were worth out of sample"
    body = "\n".join(map(as_html, order_tables(records)))
    body += "".join(_section(record) for record in records)
    body += as_html(_meanings()) if records else ""
    if ranges:
        body += "".join(map(range_section, merged(ranges))) + as_html(range_meanings())
    write_at_once(path, page(title, body).encode())


def _section(record: Record) -> str:
    gate, *others = _sentences(record)
    said = f'<p class="gate">{escape(gate)}</p>' + "".join(f"<p>{escape(line)}</p>" for line in others)
    tables = "\n".join(
        map(as_html, (_main(record.judgements), *_parts(record), *_paths(record), _gate(record), *_training(record)))
    )
    plots = "\n".join(draw(record) for draw in PLOTS)
    return f"<h2>{escape(_title(record))}</h2>\n{said}\n{plots}\n{tables}\n"


# The words


def _title(record: Record) -> str:
    return printable(f"{record.name}: forecasts over {record.horizon} sessions")


def _sentences(record: Record) -> list[str]:
    """The gate's sentence first."""
    model, days = record.model, record.model.per_date.session
    worth, trained = model.deflated, record.gate.numbers.get("train_rank_ic")
    count = f"{worth.trials:,} trainings" if worth.trials > 1 else "1 training"
    said = [
        printable(record.gate.reason, 1000),
        f"Judged from {days[0]} to {days[-1]} on {_every(record.every)}; costs of {record.cost:g} basis "
        f"points are paid for each purchase and each sale.",
        f"Deflated Sharpe ratio: {show('{:.1%}', worth.probability)}, the probability that the spread after costs "
        f"is better than luck. Its Sharpe ratio is {show('{:.3f}', worth.sharpe)} a date, over what is worth "
        f"{worth.observations:,} independent dates; by chance the best of {count} would show "
        f"{show('{:.3f}', worth.benchmark)}.",
    ]
    if trained is not None:
        said.append(
            f"On the rows that it was trained on its rank IC is {show('{:.4f}', trained)}, out of sample "
            f"{show('{:.4f}', model.summary.rank_ic)}."
        )
    return said


def _every(sessions: int) -> str:
    return "every session" if sessions == 1 else f"one session in {sessions}"


def _main(judgements: Mapping[str, JudgementRecord], title: str = "Out of sample, beside the baselines") -> Table:
    summaries = [judgement.summary for judgement in judgements.values()]
    rows = (
        (name, *(show(form, getattr(summary, field)) for summary in summaries)) for field, name, form, _ in MEASURES
    )
    return Table(title, ("", *judgements), tuple(rows))


def _parts(record: Record) -> list[Table]:
    """The model's numbers in parts, with each baseline's rank IC beside them; without parts that nobody measured."""
    model, others = record.model, [name for name in record.judgements if name != MODEL]
    found = []
    for field, title, head in (
        ("by_year", "By year", "year"),
        ("by_liquidity", "By liquidity: thirds of each date's symbols by dollar volume", "traded"),
        ("by_regime", "By regime of the market", "regime"),
    ):
        rows = []
        for name, summary in getattr(model, field).items():
            theirs = [getattr(record.judgements[other], field).get(name) for other in others]
            rows.append((name, *_part(summary), *(show("{:.4f}", one and one.rank_ic) for one in theirs)))
        if rows:
            heads = (head, "dates", "rank IC", "t", "net a year", *(f"{other} rank IC" for other in others))
            found.append(Table(title, heads, tuple(rows)))
    return found


def _part(summary: SummaryRecord) -> tuple[str, ...]:
    return (
        f"{summary.dates:,}",
        show("{:.4f}", summary.rank_ic),
        show("{:.1f}", summary.t),
        show("{:.1%}", summary.net_spread_yearly),
    )


def _paths(record: Record) -> list[Table]:
    """How much of the result was luck: the lowest, middle and highest of the combinatorial paths."""
    rows = []
    for name, form, values in (
        ("rank IC", "{:.4f}", [path.rank_ic for path in record.paths]),
        ("net spread", "{:.3%}", [path.net_spread for path in record.paths]),
    ):
        known = [value for value in values if value is not None and math.isfinite(value)]
        if known:
            rows.append((name, *(form.format(value) for value in (min(known), statistics.median(known), max(known)))))
    title = f"{len(record.paths)} histories recombined from combinatorial purged cross-validation"
    return [Table(title, ("", "lowest", "median", "highest"), tuple(rows))] if rows else []


def _gate(record: Record) -> Table:
    def meaning(name: str) -> str:
        if name.startswith("lead_t_"):
            return f"t of the lead over {name.removeprefix('lead_t_')}"
        if name.startswith("lead_"):
            return f"mean lead in rank IC, date by date, over {name.removeprefix('lead_')}"
        return GATE_WORDS.get(name, name.replace("_", " "))

    rows = tuple((meaning(name), show("{:.4f}", value)) for name, value in record.gate.numbers.items())
    weight = ("weight in the score, 0 (does not count) to below 1", f"{record.gate.weight:.4f}")
    return Table("What the gate decided on", ("", "value"), (*rows, weight))


def _training(record: Record) -> list[Table]:
    folds = tuple(
        (str(number), *map(str, (*fold.train, *fold.test)), f"{fold.rows:,}")
        for number, fold in enumerate(record.folds, 1)
    )
    facts = tuple((name.replace("_", " "), _fact(value)) for name, value in record.trained.items())
    heads = ("fold", "trained from", "to", "judged from", "to", "rows trained on")
    return [
        *([Table("Walk-forward folds", heads, folds)] if folds else []),
        *([Table("The training", ("fact", "value"), facts, left=2)] if facts else []),
    ]


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_fact(one)}" for name, one in value.items())
    if isinstance(value, str) or value is None:
        return value or "-"
    if isinstance(value, list | tuple):
        return ", ".join(_fact(one) for one in value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _meanings() -> Table:
    rows = tuple((name, meaning) for _, name, _, meaning in MEASURES)
    unknown = ("-", "cannot be known, mostly for too few dates")
    return Table("What the numbers mean", ("measure", "meaning"), (*rows, unknown), left=2)
