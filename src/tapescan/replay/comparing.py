"""Several replays of the same sessions beside each other."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from tapescan.models.judging.metrics import SESSIONS_A_YEAR
from tapescan.replay.growth import cohorts_a_year
from tapescan.replay.result import Compared, Comparison, ReplayResult, Verified
from tapescan.replay.worth import q_values

__all__ = ["beside", "compared"]


def beside(results: Sequence[ReplayResult]) -> ReplayResult:
    """The first of some replays of one pass, with all of them compared; of the others nothing else is kept."""
    main, rows = results[0], [compared(one) for one in results]
    q = q_values(np.array([row.p for row in rows]))
    found = Comparison(
        first=main.first,
        last=main.last,
        trials=main.statistics.luck.trials,
        rows=tuple(msgspec.structs.replace(row, q=float(one)) for row, one in zip(rows, q, strict=True)),
    )
    return msgspec.structs.replace(main, comparison=found, verified=_verified(results))


def _verified(results: Sequence[ReplayResult]) -> Verified | None:
    """Of all of them: a session differs where any of them does."""
    found = [one.verified for one in results if one.verified is not None]
    if not found:
        return None
    return Verified(found[0].sessions, tuple(sorted({day for one in found for day in one.differing})))


def compared(result: ReplayResult) -> Compared:
    """What a comparison says of a replay, without its q."""
    found, held, net = result.statistics, result.statistics.held, result.statistics.growth["net"]
    yearly, turnover = cohorts_a_year(found.hold, found.every), result.daily["turnover"].mean()
    assert isinstance(turnover, float)
    return Compared(
        name=result.title,
        picks=found.picked,
        annual=net.annual,
        over_eligible=found.lead,
        t=held.net_over_eligible.t,
        p=held.net_over_eligible.p,
        q=float("nan"),
        over_index=held.net_over_index.mean * yearly,
        over_matched=held.over_matched.mean * yearly,
        chance=held.as_good,
        drawdown=net.drawdown,
        turnover=turnover * SESSIONS_A_YEAR,
        verdict=result.verdict.kind,
        sure=result.verdict.sure,
        sentence=result.verdict.sentence,
    )
