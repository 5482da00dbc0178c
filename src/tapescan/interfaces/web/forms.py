"""The forms of an answer: Arrow, Parquet, CSV, JSON and xlsx, chosen by `Accept` or by `format`."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from typing import Any

import polars as pl
from fastapi import Request, Response

from tapescan.core.errors import OptionError
from tapescan.core.results import encoded

__all__ = ["FORMS", "Unacceptable", "answer_json", "answer_table", "chosen_form", "is_known_to", "safe_texts"]

#: By name: the media type, in the order of preference where a caller takes anything.
FORMS = {
    "json": "application/json",
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
#: Rows of a spreadsheet: those that a person looks at.
MOST_XLSX = 20_000
#: With these a spreadsheet's formula begins; a number does with the second and the third, and is none here.
_FORMULA = r"^[=+\-@\t\r]"


class Unacceptable(Exception):  # noqa: N818 (becomes an answer)
    """A caller takes no form that there is."""


def chosen_form(request: Request, wanted: str | None) -> str:
    """The form that a caller prefers. wanted : one of them, before what `Accept` says. Raises Unacceptable."""
    if wanted:
        return wanted
    takes: list[tuple[float, int, str]] = []
    for at, part in enumerate(request.headers.get("accept", "*/*").split(",")[:32]):
        kind, _, rest = part.strip().partition(";")
        quality = 1.0
        for one in rest.split(";"):
            name, _, value = one.strip().partition("=")
            if name == "q":
                try:
                    quality = min(max(float(value), 0.0), 1.0)
                except ValueError:
                    quality = 0.0
        if quality > 0.0 and not math.isnan(quality):
            takes.append((-quality, at, kind.strip().lower()))
    for _, _, kind in sorted(takes):
        for name, media in FORMS.items():
            if kind in (media, "*/*", "") or (kind.endswith("/*") and media.startswith(kind[:-1])):
                return name
    raise Unacceptable(", ".join(FORMS.values()))


def is_known_to(request: Request, etag: str) -> bool:
    """Whether a caller has these bytes already."""
    given = request.headers.get("if-none-match", "")
    return any(one.strip() in ("*", f'"{etag}"', f'W/"{etag}"') for one in given.split(","))


def answer_table(
    frame: pl.DataFrame,
    form: str,
    *,
    name: str,
    headers: Mapping[str, str] | None = None,
    about: Mapping[str, Any] | None = None,
) -> Response:
    """A table in one of FORMS. name : of the file, as a browser saves it. about : what JSON has beside its rows."""
    more = {**(headers or {}), "content-disposition": f'inline; filename="{name}.{form}"', "vary": "Accept"}
    if form == "json":
        return answer_json({**(about or {}), "rows": frame}, headers=more)
    buffer = io.BytesIO()
    match form:
        case "arrow":
            # Views of texts, and compression, are not known to all readers in browsers.
            frame.write_ipc_stream(buffer, compat_level=pl.CompatLevel.oldest())
        case "parquet":
            frame.write_parquet(buffer, statistics=False)
        case "csv":
            safe_texts(_flat(frame)).write_csv(buffer)
        case "xlsx":
            if len(frame) > MOST_XLSX:
                what = f"{len(frame):,} rows, and a spreadsheet here has at most {MOST_XLSX:,}"
                raise OptionError(what, "ask for fewer with top", field="format")
            _write_xlsx(frame, buffer)
        case _:
            raise AssertionError(form)
    if form in {"csv", "xlsx", "parquet"}:
        more["content-disposition"] = f'attachment; filename="{name}.{form}"'
    kind = FORMS[form] + ("; charset=utf-8" if form == "csv" else "")
    return Response(buffer.getvalue(), headers=more, media_type=kind)


def answer_json(found: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Plain values as JSON: what is not finite is null, days are as in 2025-12-31."""
    return Response(encoded(found), status_code=status, headers=dict(headers or {}), media_type="application/json")


def safe_texts(frame: pl.DataFrame) -> pl.DataFrame:
    """Texts that a spreadsheet would take for formulas begin with an apostrophe."""
    texts = [name for name, kind in frame.schema.items() if kind == pl.String]
    return frame.with_columns(
        pl.when(pl.col(name).str.contains(_FORMULA)).then("'" + pl.col(name)).otherwise(pl.col(name)).alias(name)
        for name in texts
    )


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Lists as texts, which a table of texts can hold."""
    lists = [name for name, kind in frame.schema.items() if isinstance(kind, pl.List | pl.Array)]
    return frame.with_columns(pl.col(name).cast(pl.List(pl.String)).list.join(" ").alias(name) for name in lists)


def _write_xlsx(frame: pl.DataFrame, buffer: io.BytesIO) -> None:
    """Cells hold values alone: no text becomes a formula or a link."""
    try:
        import xlsxwriter
    except ImportError as error:
        raise OptionError(
            "xlsx needs the package xlsxwriter", "pip install 'tapescan[web]'", field="format"
        ) from error
    plain = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(buffer, {"in_memory": True, "nan_inf_to_errors": True, **plain}) as book:
        flat = _flat(frame).with_columns(pl.col(pl.Float64, pl.Float32).fill_nan(None))
        flat.write_excel(book, worksheet="tapescan", autofit=False)
