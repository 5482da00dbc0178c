"""The scan."""

from __future__ import annotations

from typing import Annotated, Any

import polars as pl
from fastapi import APIRouter, Query, Request, Response

from tapescan.api.resident import Resident, etag_of
from tapescan.core.errors import OptionError, nearest
from tapescan.interfaces.web.described import TABLE
from tapescan.interfaces.web.forms import answer_json, answer_table, chosen_form, is_known_to
from tapescan.interfaces.web.routes.given import AskedOf, FormOf, Top, in_turn, several
from tapescan.scan.result import ScanResult

__all__ = ["router"]

router = APIRouter(tags=["scan"])


@router.get("/scan", responses=TABLE, summary="The ranked list")
async def scan(
    request: Request,
    asked: AskedOf,
    top: Top = 50,
    columns: Annotated[
        list[str] | None, Query(max_length=200, description="of the result, in this order; all when empty")
    ] = None,
    dropped: Annotated[str, Query(max_length=40, description="who was left out for this reason, instead")] = "",
    form: FormOf = None,
) -> Response:
    """Every ranked symbol with its score, factors and plan; of JSON, coverage, regime and provenance beside them."""
    # Asked for most often: each dependency takes a part of what a screen may.
    market: Resident = request.app.state.resident
    chosen = chosen_form(request, form)
    wanted = several(columns or [])

    def answer(result: ScanResult) -> Response:
        etag = etag_of(result, asked, chosen, top, dropped, wanted)
        headers = _headers(result, etag)
        if is_known_to(request, etag):
            return Response(status_code=304, headers=headers)
        if chosen == "json" and not dropped and not wanted:
            whole, total = _about(result, top), result.coverage.ranked
            headers["x-total-count"] = str(total)
            return answer_json({**whole, "total": total, "shown": len(whole["rows"])}, headers=headers)
        every = _left_out(result, dropped) if dropped else None
        total = result.coverage.ranked if every is None else len(every)
        frame = result.best(top) if every is None else every.head(top)
        headers["x-total-count"] = str(total)
        about = {**_about(result, 0), "total": total, "shown": len(frame)} if chosen == "json" else None
        frame = _chosen(frame, wanted) if wanted else frame
        return answer_table(frame, chosen, name=f"scan-{result.as_of}", headers=headers, about=about)

    return await in_turn(request, asked, lambda: market.of_scan(asked, answer))


def _headers(result: ScanResult, etag: str) -> dict[str, str]:
    spent = ", ".join(f"{stage};dur={seconds * 1e3:.1f}" for stage, seconds in result.timings.items())
    return {
        "etag": f'"{etag}"',
        "cache-control": "private, no-cache",
        "server-timing": spent,
        "x-as-of": result.as_of.isoformat(),
    }


def _about(result: ScanResult, rows: int) -> dict[str, Any]:
    """As `ScanResult.to_dict`, without what is another one each time; without rows for none."""
    whole = result.to_dict(top=rows)
    del whole["timings"]
    if not rows:
        del whole["rows"]
    return whole


def _left_out(result: ScanResult, reason: str) -> pl.DataFrame:
    known = result.coverage.dropped
    if reason not in known:
        hint = nearest(reason, known) or f"one of {', '.join(known)}"
        raise OptionError(f"nobody was left out for {reason!r}", hint, field="dropped")
    return result.frame.filter(pl.col("dropped") == reason)


def _chosen(frame: pl.DataFrame, wanted: tuple[str, ...]) -> pl.DataFrame:
    for name in wanted:
        if name not in frame.columns:
            hint = nearest(name, frame.columns) or "name it in features too"
            raise OptionError(f"the result has no column {name[:60]!r}", hint, field="columns")
    return frame.select(list(dict.fromkeys(wanted)))
