"""What the models were worth out of sample, beside the baselines: tables for a terminal, and one HTML page.

The page needs nothing else: its plots are SVG drawn here, and it reaches for no network.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from tapescan.core.files import write_at_once
from tapescan.core.text import printable
from tapescan.models.judging.unseen import Unseen
from tapescan.models.registry.record import MODEL, JudgementRecord, Record, SummaryRecord, from_judgement
from tapescan.models.report.charts import PLOTS

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

STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--back:#fff;--soft:#667;--rule:#d5d9df;
--c0:#0068a8;--c1:#b35900;--c2:#00795a;--c3:#a0386e}
@media(prefers-color-scheme:dark){:root{--ink:#e4e7eb;--back:#15181c;--soft:#9aa3ae;--rule:#3a4048;
--c0:#5cb3f0;--c1:#f0a35c;--c2:#4fd0a5;--c3:#ea8fbd}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back);max-width:60rem;margin:2rem auto;
padding:0 1rem}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:.5rem 0 1.5rem}
caption,figcaption{text-align:left;font-weight:600}td,th{padding:.15rem .8rem .15rem 0;text-align:right;
border-bottom:1px solid var(--rule)}.l{text-align:left}p.gate{border-left:4px solid var(--c0);padding-left:.8rem}
figure{margin:1rem 0 2rem}svg{width:100%;max-width:45rem;height:auto;font:12px system-ui,sans-serif}
svg text{fill:var(--ink)}.grid{stroke:var(--rule)}.zero{stroke:var(--soft)}.line{fill:none;stroke-width:1.8}
.s0{stroke:var(--c0)}.s1{stroke:var(--c1);stroke-dasharray:7 3}.s2{stroke:var(--c2);stroke-dasharray:2 3}
.s3{stroke:var(--c3);stroke-dasharray:9 3 2 3}.bar{fill:var(--c0)}.note{color:var(--soft)}
"""


@dataclass(frozen=True)
class _Table:
    """Ready texts. left : how many columns hold words."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1


def table(records: Sequence[Record]) -> str:
    """The records as plain text for a terminal, about 100 columns wide, with the meaning of each measure last."""
    lines: list[str] = []
    for record in records:
        title = _title(record)
        lines += [title, "=" * len(title), *_sentences(record), ""]
        for one in (_main(record.judgements), *_parts(record), *_paths(record)):
            lines += [*_text(one), ""]
    return "\n".join([*lines, *_text(_meanings())]) + "\n"


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
            *_text(_main(judged, "Since its training, beside the baselines")),
            "",
        ]
    return "\n".join([*lines, *_text(_meanings())]) + "\n"


def write_html(records: Sequence[Record], path: Path) -> None:
    """Write one page with the tables and plots of all records; the same records give the same bytes.

    Raises FileError when the file cannot be written.
    """
    title = "tapescan: what the models were worth out of sample"
    body = "".join(_section(record) for record in records)
    page = (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{STYLE}</style></head>\n'
        f"<body><h1>{title}</h1>\n{body}{_html(_meanings())}</body></html>\n"
    )
    write_at_once(path, page.encode())


def _section(record: Record) -> str:
    gate, *others = _sentences(record)
    said = f'<p class="gate">{escape(gate)}</p>' + "".join(f"<p>{escape(line)}</p>" for line in others)
    tables = "\n".join(
        map(_html, (_main(record.judgements), *_parts(record), *_paths(record), _gate(record), *_training(record)))
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
        f"Deflated Sharpe ratio: {_show('{:.1%}', worth.probability)}, the probability that the spread after costs "
        f"is better than luck. Its Sharpe ratio is {_show('{:.3f}', worth.sharpe)} a date, over what is worth "
        f"{worth.observations:,} independent dates; by chance the best of {count} would show "
        f"{_show('{:.3f}', worth.benchmark)}.",
    ]
    if trained is not None:
        said.append(
            f"On the rows that it was trained on its rank IC is {_show('{:.4f}', trained)}, out of sample "
            f"{_show('{:.4f}', model.summary.rank_ic)}."
        )
    return said


def _every(sessions: int) -> str:
    return "every session" if sessions == 1 else f"one session in {sessions}"


def _main(judgements: Mapping[str, JudgementRecord], title: str = "Out of sample, beside the baselines") -> _Table:
    summaries = [judgement.summary for judgement in judgements.values()]
    rows = (
        (name, *(_show(form, getattr(summary, field)) for summary in summaries)) for field, name, form, _ in MEASURES
    )
    return _Table(title, ("", *judgements), tuple(rows))


def _parts(record: Record) -> list[_Table]:
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
            rows.append((name, *_part(summary), *(_show("{:.4f}", one and one.rank_ic) for one in theirs)))
        if rows:
            heads = (head, "dates", "rank IC", "t", "net a year", *(f"{other} rank IC" for other in others))
            found.append(_Table(title, heads, tuple(rows)))
    return found


def _part(summary: SummaryRecord) -> tuple[str, ...]:
    return (
        f"{summary.dates:,}",
        _show("{:.4f}", summary.rank_ic),
        _show("{:.1f}", summary.t),
        _show("{:.1%}", summary.net_spread_yearly),
    )


def _paths(record: Record) -> list[_Table]:
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
    return [_Table(title, ("", "lowest", "median", "highest"), tuple(rows))] if rows else []


def _gate(record: Record) -> _Table:
    def meaning(name: str) -> str:
        if name.startswith("lead_t_"):
            return f"t of the lead over {name.removeprefix('lead_t_')}"
        if name.startswith("lead_"):
            return f"mean lead in rank IC, date by date, over {name.removeprefix('lead_')}"
        return GATE_WORDS.get(name, name.replace("_", " "))

    rows = tuple((meaning(name), _show("{:.4f}", value)) for name, value in record.gate.numbers.items())
    weight = ("weight in the score, 0 (does not count) to below 1", f"{record.gate.weight:.4f}")
    return _Table("What the gate decided on", ("", "value"), (*rows, weight))


def _training(record: Record) -> list[_Table]:
    folds = tuple(
        (str(number), *map(str, (*fold.train, *fold.test)), f"{fold.rows:,}")
        for number, fold in enumerate(record.folds, 1)
    )
    facts = tuple((name.replace("_", " "), _fact(value)) for name, value in record.trained.items())
    heads = ("fold", "trained from", "to", "judged from", "to", "rows trained on")
    return [
        *([_Table("Walk-forward folds", heads, folds)] if folds else []),
        *([_Table("The training", ("fact", "value"), facts, left=2)] if facts else []),
    ]


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_fact(one)}" for name, one in value.items())
    if isinstance(value, str) or value is None:
        return value or "-"
    if isinstance(value, list | tuple):
        return ", ".join(_fact(one) for one in value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _meanings() -> _Table:
    rows = tuple((name, meaning) for _, name, _, meaning in MEASURES)
    unknown = ("-", "cannot be known, mostly for too few dates")
    return _Table("What the numbers mean", ("measure", "meaning"), (*rows, unknown), left=2)


def _show(form: str, value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else form.format(value)


def _text(one: _Table) -> list[str]:
    cells = [tuple(printable(cell) for cell in row) for row in (one.head, *one.rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if place < one.left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
    return [one.title, lines[0], "  ".join("-" * width for width in widths), *lines[1:]]


def _html(one: _Table) -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        kinds = [' class="l"' if place < one.left else "" for place in range(len(cells))]
        shown = (f"<{tag}{kind}>{escape(cell)}</{tag}>" for cell, kind in zip(cells, kinds, strict=True))
        return f"<tr>{''.join(shown)}</tr>\n"

    body = "".join(row(cells, "td") for cells in one.rows)
    caption = f"<caption>{escape(one.title)}</caption>"
    return (
        f'<div class="wide"><table>{caption}<thead>{row(one.head, "th")}</thead>\n<tbody>{body}</tbody></table></div>'
    )
