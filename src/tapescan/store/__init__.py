"""Delta Lake tables: the only place that touches disk, and the only one that knows Delta Lake."""

from tapescan.store.fetched import Fetched, Step
from tapescan.store.report import ImportReport
from tapescan.store.store import Store

__all__ = ["Fetched", "ImportReport", "Step", "Store"]
