"""Fundamentals, point in time: from reported facts to statements as they were known on a date. No I/O.

reported facts ──observations()──▶ FACTS (the store's table) ──snapshot(as_of)──▶ one row a company
                                                           └─derive(as_of)────▶ quarters, trailing years, balances
"""

from tapescan.fundamentals.items import CONCEPTS, ITEMS
from tapescan.fundamentals.observe import FACTS, RAW, check_facts, observations
from tapescan.fundamentals.periods import DERIVED, derive
from tapescan.fundamentals.snapshot import FIELDS, SNAPSHOT, snapshot

__all__ = [
    "CONCEPTS",
    "DERIVED",
    "FACTS",
    "FIELDS",
    "ITEMS",
    "RAW",
    "SNAPSHOT",
    "check_facts",
    "derive",
    "observations",
    "snapshot",
]
