"""Examine a store: what is missing, what is doubtful, and where two vendors disagree.

`examine` reads a store once and gives a `Diagnosis`. Each finding is a frame with all its cases, the worst first;
`findings` and `jumps` say how they are found. Defects are what makes a scan wrong or lame: sessions and bars that are
missing, jumps that splits explain, suspect bars, vendors that disagree, prices and contracts of chains that cannot
be. Stale and seldom traded symbols, stale chains, refused rows, missing statements and values in them that no scan
uses are how markets are, and told for information.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import polars as pl

from tapescan.core.errors import StoreError
from tapescan.core.progress import Progress, silent
from tapescan.core.results import Result, plain
from tapescan.doctor.chains import Chains, find_chains
from tapescan.doctor.findings import (
    COMPARED,
    DISAGREEMENTS,
    compare_sources,
    find_broken_keys,
    find_copies,
    find_gaps,
    find_short_sessions,
    find_stale,
    missing_sessions,
)
from tapescan.doctor.older import KINDS, NO_DEFECT, find_older
from tapescan.doctor.statements import Statements, find_statements
from tapescan.doctor.words import (
    count_of,
    disagreement,
    jump,
    noun,
    ratio_of,
    rows_of,
    sessions_of,
    some_of,
    worst,
)
from tapescan.fundamentals.companies import FACTS_SINCE
from tapescan.market.jumps import VERDICTS, split_like_jumps, splits_recorded_twice
from tapescan.market.suspect import in_words
from tapescan.market.universe import build_universe
from tapescan.store import KnownStore, Store
from tapescan.store.accepted import suspect_bars, wrong_alone
from tapescan.sync.sessions import sessions_fetched

__all__ = ["Diagnosis", "examine"]

#: A dividend that explains at least this share of a fall makes it no split.
EXPLAINED = 0.5


class Diagnosis(Result, msgspec.Struct, frozen=True, eq=False):
    """What was found in a store as it was known on a day; frames hold every case, the worst first.

    first, newest : sessions examined. symbols, bars : their number.
    missing : session, without any bar. short : session, symbols, usual.
    whole : sessions that a vendor was asked for as a whole; a bar that is missing there is a day without a trade.
    gaps : symbol, start, end, sessions. seldom : symbol, bars, sessions.
    stale : symbol, newest, behind, listing; delisted symbols among them.
    jumps : as `jumps.JUMPS`. twice : symbol, ex_date, again, ratio of splits that are recorded on two days.
    suspects : as `market.suspect.SUSPECTS`, without those that were accepted.
    copies : as `findings.find_copies`. older : as `older.OLDER`, what older versions let in.
    compared, disagreements : as `findings.COMPARED` and `findings.DISAGREEMENTS`.
    chains : None where there are none. quarantine : kind, reason, rows. keys : as `findings.find_broken_keys`.
    """

    store: str
    first: dt.date
    newest: dt.date
    symbols: int
    bars: int
    missing: pl.DataFrame
    short: pl.DataFrame
    whole: int
    gaps: pl.DataFrame
    seldom: pl.DataFrame
    stale: pl.DataFrame
    jumps: pl.DataFrame
    twice: pl.DataFrame
    suspects: pl.DataFrame
    copies: pl.DataFrame
    older: pl.DataFrame
    compared: pl.DataFrame
    disagreements: pl.DataFrame
    quarantine: pl.DataFrame
    keys: pl.DataFrame
    statements: Statements
    chains: Chains | None = None

    @property
    def defects(self) -> dict[str, int]:
        """Finding -> number of cases, of the defects that were found."""
        counts = {
            "missing sessions": len(self.missing),
            "short sessions": len(self.short),
            "gaps": len(self.gaps),
            "split-like jumps": len(self.jumps),
            "splits recorded twice": len(self.twice),
            "suspect bars": len(self.suspects),
            "copied symbols": len(self.copies),
            "disagreements": len(self.disagreements),
            "broken keys": len(self.keys),
            "spot gaps": 0 if self.chains is None else len(self.chains.gaps),
            "underlyings with unlisted contracts": 0 if self.chains is None else len(self.chains.unlisted),
            "kinds of older mistakes": len(self.older.filter(~pl.col("kind").is_in(NO_DEFECT))),
        }
        return {name: count for name, count in counts.items() if count}

    def to_dict(self, top: int = 5) -> dict[str, Any]:
        """For JSON: counts, and the ``top`` worst cases of each finding; dates as text."""
        told = {name: getattr(self, name) for name in self.__struct_fields__}
        some = {name: worst(value, top) for name, value in told.items() if isinstance(value, pl.DataFrame)}
        of = self.statements
        statements = plain(of) | {"without": worst(of.without, top), "doubtful": worst(of.doubtful, top)}
        if self.chains is not None:
            frames = {n: getattr(self.chains, n) for n in ("stale", "gaps", "unlisted", "unchanged")}
            some["chains"] = plain(self.chains) | {name: worst(value, top) for name, value in frames.items()}
        whole = {name: rows_of(told[name]) for name in ("compared", "quarantine")}
        return plain({"defects": self.defects, **told, **some, "statements": statements, **whole})  # type: ignore[no-any-return]

    def lines(self, top: int = 5) -> list[str]:
        """One page for a person, with the ``top`` worst cases of each finding."""
        head = f"{self.store}: {self.bars:,} bars of {self.symbols:,} symbols, {self.first} to {self.newest}"
        told = [
            *self._sessions(top),
            *self._gaps(top),
            *self._jumps(top),
            *self._suspects(top),
            *self._vendors(top),
            *self._stale(top),
            *self._older(),
            *self._others(top),
            *([] if self.chains is None else self.chains.lines(top)),
        ]
        defects = ", ".join(f"{count:,} {noun(name, count)}" for name, count in self.defects.items())
        return [head, *told, f"DEFECTS: {defects}" if defects else "no defects"]

    def _sessions(self, top: int) -> list[str]:
        lines = [
            f"missing sessions: {count_of(self.missing)}",
            *some_of(self.missing, top, lambda row: f"{row['session']}"),
        ]
        lines.append(f"short sessions: {count_of(self.short)}")
        return lines + some_of(
            self.short, top, lambda row: f"{row['session']}: {row['symbols']:,} symbols, {row['usual']:,} around it"
        )

    def _gaps(self, top: int) -> list[str]:
        sessions = self.gaps["sessions"].sum()
        more = (
            f" of {self.gaps['symbol'].n_unique():,} symbols, {sessions:,} bars missing in all"
            if len(self.gaps)
            else ""
        )

        def told(row: dict[str, Any]) -> str:
            return f"{row['symbol']}: {row['start']} to {row['end']}, {sessions_of(row['sessions'])}"

        known = f" (not looked for on {self.whole:,} sessions that a vendor gave as a whole)" if self.whole else ""
        return [f"gaps: {count_of(self.gaps)}{more}{known}", *some_of(self.gaps, top, told)]

    def _jumps(self, top: int) -> list[str]:
        lines = [f"split-like jumps: {count_of(self.jumps)}"]
        for verdict, text in VERDICTS.items():
            rows = self.jumps.filter(verdict=verdict)
            if len(rows):
                lines += [f"  {text}: {len(rows):,}", *(f"  {line}" for line in some_of(rows, top, jump))]
        lines.append(f"splits recorded twice: {count_of(self.twice)}")
        return lines + some_of(
            self.twice,
            top,
            lambda row: f"{row['symbol']}: {ratio_of(row['ratio'])} on {row['ex_date']} and on {row['again']}",
        )

    def _suspects(self, top: int) -> list[str]:
        lines = [f"suspect bars: {count_of(self.suspects)}"]
        for (reason,), rows in self.suspects.group_by("reason", maintain_order=True):
            lines += [f"  {reason}: {len(rows):,}", *(f"  {line}" for line in some_of(rows, top, in_words))]
        if len(self.suspects):
            lines.append(
                "  a corrected bar replaces a wrong one; `tapescan doctor --accept SYMBOL DATE` takes a right one"
            )
        lines.append(f"copied symbols: {count_of(self.copies)}")
        return lines + some_of(
            self.copies,
            top,
            lambda row: (
                f"{row['symbol']} and {row['other']}: the same bars on {sessions_of(row['sessions'])},"
                f" {row['first']} to {row['last']}"
            ),
        )

    def _vendors(self, top: int) -> list[str]:
        if self.compared.is_empty():
            return ["disagreements: no bars of a second vendor to compare with"]
        lines = [f"disagreements: {count_of(self.disagreements)}"]
        for row in self.compared.iter_rows(named=True):
            lines.append(
                f"  {row['source']} and {row['other']}: {row['compared']:,} bars of {sessions_of(row['sessions'])}"
                f" compared, {row['agreeing']:,} agree, {row['prices']:,} differ in price,"
                f" {row['volumes']:,} in volume"
            )
            if row["whole"]:
                lines.append(
                    f"    on {sessions_of(row['whole'])} that both have whole, {row['only_source']:,} symbols only"
                    f" from {row['source']}, {row['only_other']:,} only from {row['other']}"
                )
            mine = self.disagreements.filter(source=row["source"], other=row["other"])
            lines += [f"  {line}" for line in some_of(mine, top, disagreement)]
        return lines

    def _stale(self, top: int) -> list[str]:
        late = self.stale.filter(pl.col("listing") != "delisted")
        listed = late.filter(listing="listed").height

        def told(row: dict[str, Any]) -> str:
            return f"{row['symbol']}: {row['newest']}, {sessions_of(row['behind'])} behind"

        lines = [f"stale symbols: {len(late):,} ({listed:,} listed, {len(late) - listed:,} not in the listing)"]
        lines += some_of(late, top, told)
        lines.append(f"delisted symbols: {len(self.stale) - len(late):,}")
        lines.append(f"trade seldom: {count_of(self.seldom)}")
        return lines + some_of(
            self.seldom, top, lambda row: f"{row['symbol']}: {row['bars']:,} bars in {sessions_of(row['sessions'])}"
        )

    def _older(self) -> list[str]:
        wrong = self.older.filter(~pl.col("kind").is_in(NO_DEFECT))
        lines = [f"what an import would refuse today: {count_of(wrong)}"]
        for row in self.older.iter_rows(named=True):
            symbols = f" of {row['symbols']:,} symbols" if row["symbols"] else ""
            lines.append(f"  {KINDS[row['kind']][0]}: {row['rows']:,}{symbols} ({row['examples']}): {row['mend']}")
        return lines

    def _others(self, top: int) -> list[str]:
        lines = [f"tables with broken keys: {count_of(self.keys)}"]
        lines += [
            f"  {table}: {rows:,} rows without their whole key, or of one key" for table, rows in self.keys.rows()
        ]
        lines.append(f"in quarantine: {self.quarantine['rows'].sum():,} rows")
        lines += [
            f"  {row['kind']}: {row['reason']}: {row['rows']:,}" for row in self.quarantine.iter_rows(named=True)
        ]
        return lines + self.statements.lines(top)


def examine(store: Store, as_of: dt.date | None = None, *, progress: Progress | None = None) -> Diagnosis:
    """Examine a store as it was known at the close of a day (its newest session when None).

    progress : called with the steps done, all steps, and what is done now.
    Raises StoreError for a store without bars, OptionError when it has none up to ``as_of``.
    """
    tell = progress or silent
    if store.is_empty():
        raise StoreError(f"{store.path} holds no bars", "`tapescan import FILES... --store DIR` loads some")
    known = store.known(as_of).at_newest_session()  # one state, whatever is written meanwhile
    tell(0, 4, "reading bars")
    bars, lives = known.bars_and_lives()
    counts = bars.group_by("session").len().sort("session")
    sessions = counts["session"]
    newest = sessions[-1]
    tell(1, 4, "looking for gaps")
    short = find_short_sessions(dict(counts.iter_rows()))
    whole = sessions.filter(sessions.is_in(sessions_fetched(store.fetches()["key"])))
    gaps, seldom = find_gaps(bars, sessions.filter(~sessions.is_in([*short["session"], *whole])))
    last = bars.group_by("symbol").agg(newest=pl.col("session").max())
    listing = known.read("symbols")
    tell(2, 4, "looking for splits and suspect bars")
    splits = known.read("splits")
    suspects = suspect_bars(known, bars).sort("reason", "symbol", "session")
    # A wrong bar jumps twice, and is told once.
    sound = bars.join(
        wrong_alone(known, suspects, splits), on=["symbol", "session"], how="anti", maintain_order="left"
    )
    jumps = _without_dividends(known, split_like_jumps(sound, splits))
    del sound
    copies = find_copies(bars)
    types = build_universe(listing, last["symbol"].to_list()).select("symbol", "type")
    older = find_older(known, bars, lives, listing, types)
    number = len(bars)
    del bars
    tell(3, 4, "comparing vendors")
    compared, disagreements = _compared(store, known, splits)
    facts = known.facts(FACTS_SINCE)
    return Diagnosis(
        store=store.path,
        first=sessions[0],
        newest=newest,
        symbols=len(last),
        bars=number,
        missing=pl.DataFrame({"session": missing_sessions(sessions)}, schema={"session": pl.Date}),
        short=short,
        whole=len(whole),
        gaps=gaps,
        seldom=seldom,
        stale=find_stale(last, listing, sessions),
        jumps=jumps,
        twice=splits_recorded_twice(splits),
        suspects=suspects,
        copies=copies,
        older=older,
        compared=compared,
        disagreements=disagreements,
        quarantine=_refused(known),
        keys=find_broken_keys(known),
        statements=find_statements(listing, known.read("companies"), facts, splits, newest),
        chains=find_chains(known, listing, splits),
    )


def _without_dividends(known: KnownStore, jumps: pl.DataFrame) -> pl.DataFrame:
    """Without the falls that are a large dividend: adjusted for it, most of the fall is gone."""
    paid = known.read("dividends").select("symbol", session="ex_date")
    doubtful = jumps.join(paid, on=["symbol", "session"], how="semi")["symbol"].unique()
    if doubtful.is_empty():
        return jumps
    total = known.bars(adjust="total", symbols=doubtful.to_list())
    before = pl.col("close").shift().over("symbol")
    left = total.select("symbol", "session", left=(pl.col("close") / before).log().abs())
    judged = jumps.join(left, on=["symbol", "session"], how="left", maintain_order="left")
    fall = (pl.col("close") / pl.col("close_before")).log().abs()
    explained = (pl.col("left") <= (1.0 - EXPLAINED) * fall).fill_null(value=False)
    return judged.filter(~explained).drop("left")


def _compared(store: Store, known: KnownStore, splits: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    second = known.stamped_bars("other_bars")
    if second.is_empty():
        return pl.DataFrame(schema=COMPARED), pl.DataFrame(schema=DISAGREEMENTS)
    since: dt.date = second["session"].min()  # type: ignore[assignment]
    first = store.at(known.versions).known(known.day, since=since).stamped_bars()
    return compare_sources(first, second, splits, known.newest_session)


def _refused(known: KnownStore) -> pl.DataFrame:
    """kind, reason, rows of the quarantine; the value that an action was refused for is left out of its reason."""
    reason = pl.col("reason").str.replace(r"^\w+: (.*), \w+ \S+$", "$1")
    rows = known.read("quarantine").group_by("kind", reason).agg(rows=pl.len().cast(pl.Int64))
    return rows.sort("rows", "kind", "reason", descending=[True, False, False])
