"""A replay as one HTML page that needs nothing else: the verdict, the plots, the tables."""

from __future__ import annotations

from tapescan.core.pages import as_html, page, safe
from tapescan.core.text import printable
from tapescan.replay.report import tables
from tapescan.replay.report.charts import CHART_STYLE, PLOTS
from tapescan.replay.result import ReplayResult

__all__ = ["headline", "replay_page", "verified"]


def headline(result: ReplayResult) -> str:
    """What was replayed, in one line."""
    found = result.statistics
    line = f"{printable(result.title)}: {found.sessions:,} sessions from {result.first} to {result.last}"
    held = f"{found.hold} sessions"
    if result.provenance.get("plan"):
        held = f"{held} at most, to the plan's stop or target"
    each = "every session" if found.every == 1 else f"each {found.every} sessions"
    line += f", the best {result.provenance['top']} of {each}, held {held}, {found.cost:g} bp a side"
    return line + (" (PARTIAL: broken off)" if result.partial else "")


def verified(result: ReplayResult) -> str:
    """Whether sessions that were scanned anew were the same; empty where none was."""
    found = result.verified
    if found is None:
        return ""
    same = len(found.sessions) - len(found.differing)
    days = ", ".join(map(str, found.differing))
    text = f"verified: {same} of {len(found.sessions)} sessions scanned anew gave the same bytes"
    return text + (f"; not {days}" if days else "")


def replay_page(result: ReplayResult) -> str:
    """The same result gives the same text."""
    said = f'<p class="gate"><strong>{safe(result.verdict.sentence)}</strong></p>\n'
    said += "".join(f"<p>{safe(line)}</p>\n" for line in result.verdict.further)
    if result.verdict.warnings:
        lines = "".join(f"<li>{safe(line)}</li>\n" for line in result.verdict.warnings)
        said += f'<ul class="warn">\n{lines}</ul>\n'
    told = (headline(result), *result.notes, verified(result))
    said += "".join(f'<p class="note">{safe(line)}</p>\n' for line in told if line)
    found = result.statistics
    shown = (
        *((tables.comparison(result.comparison),) if result.comparison is not None else ()),
        tables.horizons(found),
        tables.compounded(found),
        *tables.parts(found),
        tables.trades(result),
        tables.capacity(result),
        tables.facts(result),
        tables.meanings(),
    )
    plots = "\n".join(draw(result) for draw in PLOTS)
    body = f"{said}{plots}\n" + "\n".join(map(as_html, shown)) + "\n"
    return page(f"tapescan replay: {result.title}", body, CHART_STYLE)
