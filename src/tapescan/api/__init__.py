"""The front door: every use case once. The command line, notebooks and whatever else there is call these and no more.

    import tapescan

    tapescan.import_bars(frame, store="market")      # or import_files([...]), or sync_store(...)
    result = tapescan.scan_market("market", where="rsi_2 < 10 AND close > sma_200")
    result.ranked                                    # a polars frame, best first
    tapescan.scan_market(tapescan.load_market("market"))  # loaded once, to scan again and again

An argument that is None is what the settings say (``tapescan.toml``, ``TAPESCAN_*``). What cannot be used raises an
error of `tapescan.core.errors` before any work; its ``field`` names the argument.
"""

from __future__ import annotations

from tapescan.api.live import follow_market
from tapescan.api.options import express_plan
from tapescan.api.places import Data, Day, Place, open_store
from tapescan.api.replaying import breadth_market, find_record, replay_market
from tapescan.api.scans import (
    check_profile,
    compute_features,
    explain_symbol,
    load_market,
    record_scan,
    scan_market,
)
from tapescan.api.sharing import newest_result, publish_result
from tapescan.api.stores import (
    accept_bars,
    examine_store,
    import_bars,
    import_files,
    look_at_files,
    mend_store,
    plan_sync,
    sync_store,
    undo_mending,
)
from tapescan.api.training import judge_chances, judge_cone, judge_stored, recalibrate_cone, train_models
from tapescan.api.watching import watch_market

__all__ = [
    "Data",
    "Day",
    "Place",
    "accept_bars",
    "breadth_market",
    "check_profile",
    "compute_features",
    "examine_store",
    "explain_symbol",
    "express_plan",
    "find_record",
    "follow_market",
    "import_bars",
    "import_files",
    "judge_chances",
    "judge_cone",
    "judge_stored",
    "load_market",
    "look_at_files",
    "mend_store",
    "newest_result",
    "open_store",
    "plan_sync",
    "publish_result",
    "recalibrate_cone",
    "record_scan",
    "replay_market",
    "scan_market",
    "sync_store",
    "train_models",
    "undo_mending",
    "watch_market",
]
