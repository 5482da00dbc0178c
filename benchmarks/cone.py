"""What ranges are worth on a store: pinball loss and coverage of rule, cone and who stands beside it, and how often
plans' levels were touched against the chances that were said.

python -m benchmarks.cone STORE [--to DATE] [--every 10] [--profile swing] [--part 0.67] [--beside xgboost]
python -m benchmarks.cone STORE [--to DATE] --shipped

The chances are those of a cone of the first part of the sessions, and of the shipped rule (`replay.chances`).
`--shipped` makes the quantiles that ship with the package (`models.cone.cone.SHIPPED_QUANTILES`).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tapescan.core.dates import parse_date
from tapescan.core.errors import TapescanError
from tapescan.models.cone.record import read_ranges
from tapescan.models.cone.train import train_cone
from tapescan.models.report.ranges import ranges_text
from tapescan.replay.chances import judge_chances
from tapescan.replay.report.chances import chances_text
from tapescan.store import Store


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store")
    parser.add_argument("--to")
    parser.add_argument("--every", type=int, default=10)
    parser.add_argument("--profile", default="swing")
    parser.add_argument("--part", type=float, default=0.67)
    parser.add_argument("--beside", action="append", default=[])
    parser.add_argument("--shipped", action="store_true")
    asked = parser.parse_args()
    store, end = Store(asked.store), parse_date(asked.to, "to")
    with tempfile.TemporaryDirectory() as folder:
        begin, cpu = time.perf_counter(), time.process_time()
        card = train_cone(store, end=end, folder=folder, others=asked.beside)
        say(f"trained in {time.perf_counter() - begin:.1f} s, {time.process_time() - cpu:.1f} s of CPU")
        if asked.shipped:
            say(f"{card.symbols:,} shares, {card.first} to {card.last}, {card.rows:,} rows")
            for rule in card.rules:
                say(f"    {rule.horizon}: ({', '.join(f'{one:.3f}' for one in rule.quantiles)}),")
            return
        for one in card.records:
            say(one.reason)
        say(ranges_text(read_ranges(Path(folder))))
    for ruled in (True, False):
        say(
            chances_text(judge_chances(store, asked.profile, end=end, every=asked.every, part=asked.part, rule=ruled))
        )


if __name__ == "__main__":
    try:
        main()
    except TapescanError as error:
        sys.exit(str(error))
