"""All models and baselines in one table, and year by year: who says best who goes further than others."""

from __future__ import annotations

from collections.abc import Sequence

from tapescan.core.pages import Table, show
from tapescan.models.registry.record import MODEL, JudgementRecord, Record

__all__ = ["order_tables"]

#: Measures: head, field of a summary, format.
MEASURES = (
    ("dates", "dates", "{:,}"),
    ("rank IC", "rank_ic", "{:+.4f}"),
    ("t", "t", "{:+.1f}"),
    ("rank ICIR", "rank_icir", "{:+.2f}"),
    ("net spread", "net_spread", "{:+.3%}"),
    ("net t", "net_t", "{:+.1f}"),
    ("bought a year", "bought_yearly", "{:+.1%}"),
    ("bought t", "bought_t", "{:+.1f}"),
)


def order_tables(records: Sequence[Record]) -> list[Table]:
    """No table where nobody was judged."""
    if not records:
        return []
    rows = _rows(records)
    years = sorted({year for _, one, _ in rows for year in one.by_year})
    whole = tuple(
        (name, *(show(form, getattr(one.summary, field)) for _, field, form in MEASURES), gate)
        for name, one, gate in rows
    )
    found = [Table("Orders: all models and baselines", ("", *(head for head, _, _ in MEASURES), "gate"), whole)]
    for title, field, form in (
        ("Rank IC by year", "rank_ic", "{:+.3f}"),
        ("Net spread by year, a horizon", "net_spread", "{:+.2%}"),
    ):
        cells = tuple(
            (name, *(show(form, getattr(one.by_year.get(year), field, None)) for year in years))
            for name, one, _ in rows
        )
        found.append(Table(title, ("", *years), cells))
    return found


def _rows(records: Sequence[Record]) -> list[tuple[str, JudgementRecord, str]]:
    """Name, judgement and what the gate says, by horizon; a baseline of several models on the same rows once."""
    found: list[tuple[str, JudgementRecord, str]] = []
    for horizon in sorted({one.horizon for one in records}):
        own = [one for one in records if one.horizon == horizon]
        found += [(one.name, one.model, f"weight {one.gate.weight:.2f}") for one in own]
        for name in sorted({name for one in own for name in one.judgements if name != MODEL}):
            found += _baseline(name, horizon, own)
    return found


def _baseline(name: str, horizon: int, records: Sequence[Record]) -> list[tuple[str, JudgementRecord, str]]:
    """A baseline once; where models were judged on other rows, or it learnt from other features, once beside each."""
    beside = [(one.name, one.judgements[name]) for one in records if name in one.judgements]
    different = [
        at for at, (_, one) in enumerate(beside) if all(one.summary != other.summary for _, other in beside[:at])
    ]
    title = f"{name}, {horizon} sessions"
    if len(different) == 1:
        return [(title, beside[0][1], "baseline")]
    return [(f"{title}, beside {beside[at][0]}", beside[at][1], "baseline") for at in different]
