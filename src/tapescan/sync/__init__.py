"""Fill and refresh a store from vendors: plan the calls, make them, store what they bring, and say what happened.

`planning` decides what is missing, `fetching` fetches and stores it, `report` tells of it; `choosing` compares
vendors.
"""

from tapescan.sync.report import SyncReport
from tapescan.sync.whole import dry_run, sync

__all__ = ["SyncReport", "dry_run", "sync"]
