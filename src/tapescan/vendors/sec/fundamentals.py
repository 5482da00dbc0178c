"""Company facts of the SEC: one document a company, from the interface or out of the nightly archive."""

from __future__ import annotations

import datetime as dt
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from tapescan.fundamentals.items import CONCEPTS
from tapescan.fundamentals.observe import RAW, check_facts, observed
from tapescan.network.link import Link
from tapescan.tables.registry import schema_of
from tapescan.vendors.seam import Batch, Problem

__all__ = ["ARCHIVE", "archived_facts", "company_facts", "facts_batch"]

ARCHIVE = "/Archives/edgar/daily-index/xbrl/companyfacts.zip"
_DOCUMENT = re.compile(r"CIK(\d{10})\.json")
#: Companies whose facts are worked out together: enough that it is fast, few enough to need little memory.
_TOGETHER = 50
#: No company's document is a tenth of this; the archive's own index tells the size.
_LARGEST = 256 * 1024 * 1024


class _Fact(msgspec.Struct, gc=False):
    end: dt.date
    accn: str
    filed: dt.date
    val: float | None = None
    start: dt.date | None = None
    form: str | None = None


class _Concept(msgspec.Struct, gc=False):
    units: dict[str, list[_Fact]]


def _tags(taxonomy: str) -> type[msgspec.Struct]:
    """The concepts of a taxonomy that some item reads; the decoder passes over all others unread."""
    wanted = [concept.tag for concept in CONCEPTS.values() if concept.taxonomy == taxonomy]
    return msgspec.defstruct("_Tags", [(tag, _Concept | None, None) for tag in wanted], gc=False)


_Taxonomies = msgspec.defstruct(
    "_Taxonomies",
    [
        ("gaap", _tags("us-gaap") | None, None),
        ("cover", _tags("dei") | None, None),
        # Read for no item, but counted: it tells why a foreign company has no statements here.
        ("ifrs", dict[str, _Concept], msgspec.field(default_factory=dict)),
    ],
    rename={"gaap": "us-gaap", "cover": "dei", "ifrs": "ifrs-full"},
)


class _Company(msgspec.Struct):
    # Padded text in some documents, a number in most; without facts the archive has it empty.
    cik: int | str | None = None
    facts: _Taxonomies = msgspec.field(default_factory=_Taxonomies)  # type: ignore[valid-type]


_COMPANY = msgspec.json.Decoder(_Company)


async def company_facts(link: Link, company: str) -> pl.DataFrame:
    """The reported facts (`RAW`) of one company; raises VendorError (``unknown_company``) where there are none."""
    path = f"/api/xbrl/companyfacts/CIK{company}.json"
    document = await link.get(path, _COMPANY)
    if document.cik is None or int(document.cik) != int(company):
        raise link.error("bad_reply", f"{path}: the facts are those of company {document.cik}", "try again later")
    return _raw([(company, document)])


def archived_facts(file: Path, companies: Sequence[str], link: Link) -> Iterator[tuple[pl.DataFrame, list[Problem]]]:
    """The reported facts in an archive, some companies at a time, and what of it cannot be read.

    companies : empty for all that are in it. Raises VendorError for a file that is no whole archive.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            named = {found[1]: info for info in archive.infolist() if (found := _DOCUMENT.fullmatch(info.filename))}
            wanted = sorted(set(companies) & set(named) if companies else named)
            for begin in range(0, len(wanted), _TOGETHER):
                documents, problems = [], []
                for company in wanted[begin : begin + _TOGETHER]:
                    try:
                        documents.append((company, _read(archive, named[company])))
                    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, zlib.error) as error:
                        problems.append(Problem("bad_reply", f"its document in the archive: {error}", company))
                yield _raw(documents), problems
            problems = [
                Problem("unknown_company", "not in the archive", cik) for cik in companies if cik not in named
            ]
            if problems:
                yield pl.DataFrame(schema=RAW), problems
    except zipfile.BadZipFile as error:
        raise link.error("truncated", f"{ARCHIVE}: {error}", "sync again") from error


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Any:
    if info.file_size > _LARGEST:
        raise ValueError(f"{info.file_size:,} bytes")
    with archive.open(info) as member:
        return _COMPANY.decode(member.read())


def _raw(documents: Sequence[tuple[str, Any]]) -> pl.DataFrame:
    """Documents of companies as a table."""
    columns: dict[str, list[Any]] = {name: [] for name in RAW}
    for company, document in documents:
        for taxonomy, tag, unit, facts in _series(document.facts):
            count = len(facts)
            for name, same in (("company", company), ("taxonomy", taxonomy), ("tag", tag), ("unit", unit)):
                columns[name] += [same] * count
            columns["start"] += [fact.start for fact in facts]
            columns["end"] += [fact.end for fact in facts]
            columns["value"] += [fact.val for fact in facts]
            columns["filed"] += [fact.filed for fact in facts]
            columns["form"] += [fact.form for fact in facts]
            columns["accn"] += [fact.accn for fact in facts]
    return pl.DataFrame(columns, schema=RAW)


def _series(facts: Any) -> Iterator[tuple[str, str, str, list[_Fact]]]:
    """Taxonomy, tag, unit and the facts told in it."""
    for taxonomy, concepts in (("us-gaap", facts.gaap), ("dei", facts.cover)):
        for tag in concepts.__struct_fields__ if concepts is not None else ():
            concept = getattr(concepts, tag)
            for unit, rows in concept.units.items() if concept is not None else ():
                yield taxonomy, tag, unit, rows
    for tag, concept in facts.ifrs.items():
        for unit, rows in concept.units.items():
            yield "ifrs-full", tag, unit, rows


def facts_batch(raw: pl.DataFrame, problems: Sequence[Problem] = (), fetched: dt.date | None = None) -> Batch:
    """What was known of each item and since when, with what had to be refused.

    fetched : the date of the fetch, for facts without a filing date.
    """
    good, refused = check_facts(raw)
    rows = observed(good, fetched=fetched).select(*schema_of("facts"))
    return Batch("facts", rows, (*problems, *_refusals(refused)))


def _refusals(refused: pl.DataFrame) -> list[Problem]:
    """One problem for each company and reason."""
    counts = refused.group_by("company", "reason", maintain_order=True).len()
    return [Problem("refused_rows", f"{count} facts: {reason}", cik) for cik, reason, count in counts.iter_rows()]
