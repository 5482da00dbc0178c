"""The outbox: what was judged and what has to be sent, in one SQLite file, before anything is sent.

A minute's states and alerts are one transaction, on the disk before it is over (WAL, synchronous=FULL). An alert is
one row of a unique key, and one delivery a row of alert and address; so whatever is killed when, each alert is here
once. A delivery is `due`, then `sent`; `failed` while it is tried again, `given up` when it was too long. `quiet`
ones are kept and never sent.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from tapescan.alerts.judging import State
from tapescan.alerts.minute import Message
from tapescan.core.errors import FileError
from tapescan.store.table import is_remote

__all__ = ["FIRST_WAIT", "LASTS", "LONGEST_WAIT", "Delivery", "Outbox", "Row", "outbox_place"]

#: Seconds between tries, doubling; and after which an alert is given up.
FIRST_WAIT, LONGEST_WAIT, LASTS = 1.0, 300.0, 3600.0

_VERSION = 1
_TABLES = """
CREATE TABLE states (
    session TEXT NOT NULL, rule TEXT NOT NULL, digest TEXT NOT NULL, state BLOB NOT NULL,
    PRIMARY KEY (session, rule, digest)
) WITHOUT ROWID;
CREATE TABLE alerts (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, session TEXT NOT NULL, made REAL NOT NULL,
    quiet INTEGER NOT NULL, message BLOB NOT NULL);
CREATE TABLE deliveries (
    alert INTEGER NOT NULL REFERENCES alerts (id), address TEXT NOT NULL, state TEXT NOT NULL, tries INTEGER NOT NULL,
    next REAL NOT NULL, at REAL, said TEXT NOT NULL, PRIMARY KEY (alert, address)
) WITHOUT ROWID;
CREATE INDEX waiting ON deliveries (next) WHERE state IN ('due', 'failed');
"""


def outbox_place(store: str) -> Path:
    """Where the outbox of a store lies: in its folder; in the user's data folder for a store at a URL."""
    if not is_remote(store):
        return Path(store) / ".alerts" / "outbox.sqlite"
    import platformdirs

    digest = hashlib.sha256(store.encode()).hexdigest()[:16]
    return platformdirs.user_data_path("tapescan") / "alerts" / f"{digest}.sqlite"


class Delivery(NamedTuple):
    """One alert to one address. tries : that were made. made : when the alert was, UNIX seconds."""

    alert: int
    address: str
    tries: int
    made: float
    message: Message


class Row(NamedTuple):
    """A delivery as the log shows it. state : also ``quiet``, and ``kept`` for an alert of a rule without addresses.
    at : when it was last tried, UNIX seconds; 0 for never. said : what came of it."""

    message: Message
    made: float
    address: str
    state: str
    tries: int
    at: float
    said: str


class Outbox:
    """One file; safe to be used by several threads.

    Raises FileError where it cannot be opened, is of another version, or cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._turn = threading.RLock()
        self._alone: BinaryIO | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._base = sqlite3.connect(path, timeout=10.0, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise FileError(f"{path}: {error}", "check the folder") from error
        try:
            self._set_up()
        except FileError:
            self._base.close()
            raise

    def _set_up(self) -> None:
        with self._using():
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("PRAGMA synchronous=FULL")
            self._base.execute("PRAGMA foreign_keys=ON")
            with self._transaction():
                (version,) = self._base.execute("PRAGMA user_version").fetchone()
                if version == 0:
                    for statement in filter(str.strip, _TABLES.split(";")):
                        self._base.execute(statement)
                    self._base.execute(f"PRAGMA user_version={_VERSION}")
                elif version != _VERSION:
                    raise FileError(
                        f"{self.path}: of another version", "move it away; its alerts stay readable there"
                    )
        with suppress(OSError):
            self.path.chmod(0o600)

    def close(self) -> None:
        """Let go of the file."""
        with self._turn:
            self._base.close()
            if self._alone is not None:
                self._alone.close()

    def hold_alone(self) -> None:
        """Let no other process judge or send with it meanwhile. Raises FileError where one does."""
        lock = self.path.with_name(self.path.name + ".lock")
        try:
            held = lock.open("ab")
        except OSError as error:
            raise FileError(f"{lock}: {error.strerror or error}", "check the folder") from error
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            held.close()
            raise FileError(f"{self.path}: another process alerts with it", "end that one first") from None
        self._alone = held

    # --- what is judged ---------------------------------------------------------------------------------

    def states(self, session: dt.date, digests: Mapping[str, str]) -> dict[str, State]:
        """Of rules in a session, as far as they were judged. digests : of each rule, what it asks."""
        with self._using():
            rows = self._base.execute(
                "SELECT rule, digest, state FROM states WHERE session = ?", (session.isoformat(),)
            ).fetchall()
        return {rule: State.of_stored(state) for rule, digest, state in rows if digests.get(rule) == digest}

    def keep(
        self,
        session: dt.date,
        states: Mapping[tuple[str, str], State],
        messages: Iterable[tuple[Message, Sequence[str], bool]],
    ) -> int:
        """Keep what minutes have come to, all or nothing of it; how many alerts were new.

        states : of each rule and digest. messages : each with its addresses, and whether it is quiet.
        """
        now, new = time.time(), 0
        with self._using(), self._transaction():
            for (rule, digest), state in states.items():
                row = (session.isoformat(), rule, digest, state.stored())
                self._base.execute("INSERT OR REPLACE INTO states VALUES (?, ?, ?, ?)", row)
            for message, addresses, quiet in messages:
                made = self._base.execute(
                    "INSERT INTO alerts (key, session, made, quiet, message) VALUES (?, ?, ?, ?, ?)"
                    " ON CONFLICT (key) DO NOTHING",
                    (message.id, message.session.isoformat(), now, quiet, msgspec.json.encode(message)),
                )
                if not made.rowcount:
                    continue
                new += 1
                for address in () if quiet else dict.fromkeys(addresses):
                    self._base.execute(
                        "INSERT INTO deliveries VALUES (?, ?, 'due', 0, ?, NULL, '')", (made.lastrowid, address, now)
                    )
        return new

    def forget_states(self, before: dt.date) -> None:
        """Drop the states of sessions before a day; alerts stay."""
        with self._using():
            self._base.execute("DELETE FROM states WHERE session < ?", (before.isoformat(),))

    # --- what is sent -----------------------------------------------------------------------------------

    def due(self, now: float, without: Iterable[str] = ()) -> list[Delivery]:
        """Of each address the oldest delivery whose time has come. without : addresses that are left out."""
        left_out = list(without)
        marks = ", ".join("?" * len(left_out))
        with self._using():
            # Beside min() SQLite gives the other columns of the row that has it.
            rows = self._base.execute(
                "SELECT min(alert), address, tries, made, message FROM deliveries JOIN alerts ON id = alert"  # noqa: S608
                f" WHERE state IN ('due', 'failed') AND next <= ? AND address NOT IN ({marks}) GROUP BY address",
                (now, *left_out),
            ).fetchall()
        return [
            Delivery(alert, address, tries, made, msgspec.json.decode(message, type=Message))
            for alert, address, tries, made, message in rows
        ]

    def sent(self, one: Delivery, said: str = "") -> None:
        """It came."""
        self._mark(one, "sent", time.time(), said)

    def failed(self, one: Delivery, said: str, wait: float | None = None) -> None:
        """It did not come: it is tried again after growing waits, and given up after an hour.

        wait : seconds that the receiver asks for.
        """
        now = time.time()
        grown = min(FIRST_WAIT * 2.0 ** min(one.tries, 20), LONGEST_WAIT)
        after = now + max(grown, min(wait or 0.0, LASTS))
        self._mark(one, "given up" if after > one.made + LASTS else "failed", now, said, after)

    def _mark(self, one: Delivery, state: str, now: float, said: str, after: float = 0.0) -> None:
        with self._using():
            self._base.execute(
                "UPDATE deliveries SET state = ?, tries = ?, at = ?, said = ?, next = ?"
                " WHERE alert = ? AND address = ?",
                (state, one.tries + 1, now, said[:300], after, one.alert, one.address),
            )

    def depth(self) -> dict[str, int]:
        """How many deliveries are in each state."""
        with self._using():
            return dict(self._base.execute("SELECT state, count(*) FROM deliveries GROUP BY state").fetchall())

    def log(self, most: int = 100) -> list[Row]:
        """The newest deliveries, the newest first."""
        with self._using():
            rows = self._base.execute(
                "SELECT message, made, coalesce(address, ''), coalesce(state, CASE quiet WHEN 1 THEN 'quiet' ELSE"
                " 'kept' END), coalesce(tries, 0), coalesce(at, 0.0), coalesce(said, '')"
                " FROM alerts LEFT JOIN deliveries ON alert = id ORDER BY id DESC, address LIMIT ?",
                (most,),
            ).fetchall()
        return [Row(msgspec.json.decode(row[0], type=Message), *row[1:]) for row in rows]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._base.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._base.execute("ROLLBACK")
            raise
        self._base.execute("COMMIT")

    @contextmanager
    def _using(self) -> Iterator[None]:
        with self._turn:
            try:
                yield
            except sqlite3.Error as error:
                raise FileError(f"{self.path}: {error}", "check the file and the room on its disk") from error
