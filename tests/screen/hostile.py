"""Screens that somebody sends who means no good, and what watches them.

`HOSTILE` are those that were seen to open files, to reach the network, to abort or to hang another parser;
`generated` draws others: of a grammar, of words put together at random, and of raw bytes.
"""

from __future__ import annotations

import ctypes
import os
import random
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.screen.drawing import condition, number, written

__all__ = ["HOSTILE", "Watch", "generated"]

#: {bait} is a file that exists, {port} one that listens.
HOSTILE = (
    "close IN (SELECT x FROM read_csv('{bait}'))",
    "close IN (SELECT x FROM read_csv('/etc/passwd'))",
    "close IN (SELECT * FROM read_parquet('http://127.0.0.1:{port}/x.parquet'))",
    "close > (SELECT max(x) FROM read_json('{bait}'))",
    "close IN (SELECT x FROM scan_csv('s3://127.0.0.1:{port}/x'))",
    "close > ALL(SELECT 1)",
    "close > ANY(SELECT 1 FROM '{bait}')",
    "EXISTS (SELECT * FROM '{bait}')",
    "generate_series(1,1000000000000) > 1",
    "SUM(" * 16 + "close" + ")" * 16 + " > 1",
    "SUM(" * 5000 + "close" + ")" * 5000 + " > 1",
    "LPAD(symbol,1000000,'x')='x'",
    "REPEAT(symbol, 1000000000) = 'x'",
    " AND ".join(["close > 5"] * 120),
    " AND ".join(["close > 5"] * 5000),
    " OR ".join(f"close > {n}" for n in range(800)),
    "close > 5; COPY x TO '{bait}'",
    "symbol IN list:../../etc/passwd",
    "symbol IN list:/etc/passwd",
    "symbol IN list:",
    "symbol IN (" + ",".join(f"'S{n}'" for n in range(5000)) + ")",
    "symbol IN (" + ",".join(["symbol"] * 2000) + ")",
    "symbol LIKE '" + "%a" * 2000 + "%'",
    "symbol LIKE '" + "%a" * 99 + "'",
    "symbol LIKE '(a+)+$'",
    "symbol RLIKE '(a+)+$'",
    "REGEXP_LIKE(symbol, '(a+)+$')",
    "(" * 20_000,
    ")" * 20_000,
    "((((((((" * 2000 + "close > 1" + "))))))))" * 2000,
    "NOT " * 9000 + "close > 1",
    "-" * 39_000 + "close > 1",
    "- " * 1200 + "close > 1",
    "NOT close > 1 = " * 600 + "true",
    "close" + "[1]" * 800 + " > 1",
    "[" * 39_000,
    "CASE WHEN " * 500 + "close > 1",
    "CASE WHEN true THEN " * 16 + "1" + " END" * 16 + " > 1",
    "CASE close " + "WHEN 1 THEN 2 " * 800 + "END > 1",
    "close BETWEEN " * 500 + "1 AND 2",
    "close BETWEEN 1 AND 2 " * 700,
    "close IS NOT NULL IS NOT NULL IS NOT NULL",
    "close IN close IN close IN close",
    "sum(504, sum(504, sum(504, close))) > 1",
    "sum(250, sum(250, close)) > 1",
    "highest(500, close)[4] > 1 AND " + " AND ".join(f"highest(500, sma_{n}) > 1" for n in range(5, 60)),
    " AND ".join(f"sma_{n} > 1" for n in range(2, 800)),
    "within(504, " * 15 + "close > 1" + ")" * 15,
    "'" * 39_999,
    "'a" * 10_000,
    "1e999999999 > close",
    "1" * 39_000 + " > close",
    "pow(pow(pow(close, 1e300), 1e300), 1e300) > 1",
    "exp(exp(exp(exp(close)))) > 1",
    "round(close, 1e308) > 1",
    "round(close, -1e308) > 1",
    "close % 0 > 1",
    "close / 0 = close / 0",
    "__import__('os').system('touch {bait}') = 1",
    "{{close.__class__}} > 1",
    "close > 1 -- {bait}",
    "close > 1 /* {bait} */",
    "close::text = 'x'",
    "CAST(close AS text) = 'x'",
    "CURRENT_USER = 'x'",
    "INTERVAL '1 day' > close",
    "LAG(close) OVER (ORDER BY symbol) > 1",
    "f(x -> x + 1) > 1",
    "close AT TIME ZONE 'UTC' > 1",
    "DATE '2020-01-01' > newest",
    "a.b.c.d.e.f.g > 1",
    "close > $1",
    "close > ?",
    "close > :x",
    "close > @x",
    "\x00",
    "close > \x00 1",
    "\ufeffclose > 1",
    "close \uff1e 1",
    "cl\u200bose > 1",
    "clo\u0455e > 1",
    "\U0001f4a9" * 10_000,
)

WORDS = (
    *(
        "close",
        "sma_50",
        "rsi_14",
        "sector",
        "symbol",
        "rs",
        "score",
        "f_score",
        "weekly",
        "monthly",
        "daily",
        "list:x",
    ),
    *("and", "or", "not", "in", "is", "null", "like", "between", "case", "when", "then", "else", "end", "true"),
    *("within", "streak", "count", "highest", "mean", "sum", "change", "pct", "rank", "zscore", "crosses_above"),
    *(
        "abs",
        "ln",
        "sqrt",
        "pow",
        "round",
        "least",
        "coalesce",
        "select",
        "from",
        "over",
        "cast",
        "interval",
        "exists",
    ),
    *("(", ")", "[", "]", ",", ".", "+", "-", "*", "/", "%", "<", ">", "<=", ">=", "=", "<>", "!=", "'x'", "'%a%'"),
    *(
        "1",
        "2.5",
        "504",
        "1e9",
        "0",
        "''",
        ";",
        "::",
        "->",
        "--",
        "@",
        "{",
        "}",
        "\\",
        '"',
        "`",
        "\n",
        "\x00",
        "\u00e9",
    ),
)


def generated(seed: int) -> str:
    """One screen of a seed."""
    rng = random.Random(seed)
    match seed % 4:
        case 0:
            return written(condition(rng, rng.randrange(1, 7)))
        case 1:
            # Of the grammar, and then damaged: signs lost, doubled and changed.
            text = list(written(number(rng, rng.randrange(1, 6))) + " > 1")
            for _ in range(rng.randrange(1, 6)):
                at = rng.randrange(len(text))
                text[at : at + rng.randrange(3)] = rng.choice(
                    ("", "(", ")", "'", " ", text[at] * 2, rng.choice(WORDS))
                )
                text = text or ["x"]
            return "".join(text)
        case 2:
            return rng.choice((" ", "")).join(rng.choices(WORDS, k=rng.randrange(1, 60)))
    return rng.randbytes(rng.randrange(1, 200)).decode(rng.choice(("latin-1", "utf-8")), errors="replace")


class Watch:
    """Watches for files that are opened and sockets that connect, by whomever in this process.

    Python's audit hook sees what Python opens. What compiled code opens passes it by: so the bait file is watched by
    the kernel (inotify), and a listener counts who connects to it.
    """

    def __init__(self, folder: Path) -> None:
        self.bait = folder / "bait.csv"
        self.bait.write_text("x\n1\n")
        self.seen: list[str] = []
        self.on = False
        sys.addaudithook(self._audit)
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._inotify = self._libc.inotify_init1(os.O_NONBLOCK)
        for path in (self.bait, Path("/etc/passwd")):
            assert self._libc.inotify_add_watch(self._inotify, str(path).encode(), 0x20) >= 0  # IN_OPEN
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def _audit(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.on and event in {
            "open",
            "socket.connect",
            "socket.getaddrinfo",
            "subprocess.Popen",
            "os.system",
            "exec",
        }:
            # The settings say where lists lie.
            if arguments[:1] == ("tapescan.toml",):
                return
            self.seen.append(f"{event} {arguments[:1]}")

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.seen.append("a connection")
            connection.close()

    def close(self) -> Iterator[str]:
        """Stop, and tell what was seen."""
        self.on = False
        self._listener.close()
        try:
            while found := os.read(self._inotify, 4096):
                for _ in range(len(found) // struct.calcsize("iIII")):
                    self.seen.append("an opened file")
        except BlockingIOError:
            pass
        os.close(self._inotify)
        return iter(self.seen)

    def filled(self, text: str) -> str:
        """A hostile text with the bait and the port in it."""
        return text.replace("{bait}", str(self.bait)).replace("{port}", str(self.port))
