"""The store on Delta Lake: the only place that keeps data on disk, and the only one that knows Delta Lake.

`Store` writes; `Store.known(day)` reads, as of a day.
"""

from tapescan.store.committing import Batch
from tapescan.store.fetched import Fetched, Step
from tapescan.store.known import KnownStore
from tapescan.store.report import ImportReport
from tapescan.store.store import Store

__all__ = ["Batch", "Fetched", "ImportReport", "KnownStore", "Step", "Store"]
