"""Use cases of models: train, judge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from tapescan.api.places import Place, open_store
from tapescan.models.learners import CONE, DEFAULT

if TYPE_CHECKING:
    from tapescan.models.cone.card import ConeCard
    from tapescan.models.cone.unseen import UnseenCone
    from tapescan.models.stored import JudgedUnseen
    from tapescan.models.train import Learnt

__all__ = ["judge_cone", "judge_stored", "recalibrate_cone", "train_models"]


@overload
def train_models(store: Place = None, *, learner: Literal["cone"], **options: Any) -> ConeCard: ...
@overload
def train_models(store: Place = None, *, learner: str = DEFAULT, **options: Any) -> list[Learnt]: ...
def train_models(store: Place = None, *, learner: str = DEFAULT, **options: Any) -> list[Learnt] | ConeCard:
    """Train a model for each horizon on a store's own market, judge it out of sample, and store it with its record.

    Arguments and errors as of `tapescan.models.stored.train_models`; with ``learner="cone"``, which has one card for
    all of its horizons, as of `tapescan.models.cone.train.train_cone`.
    """
    if learner == CONE:
        from tapescan.models.cone.train import train_cone

        return train_cone(open_store(store), **options)
    from tapescan.models.stored import train_models as train

    return train(open_store(store), learner=learner, **options)


def recalibrate_cone(store: Place = None, **options: Any) -> ConeCard:
    """Hold the stored cone against what came since its training, and store it so.

    Arguments and errors as of `tapescan.models.cone.train.recalibrate_cone`.
    """
    from tapescan.models.cone.train import recalibrate_cone as recalibrate

    return recalibrate(open_store(store), **options)


def judge_cone(store: Place = None, **options: Any) -> UnseenCone:
    """Judge the stored cone on the store's sessions that came after what it has seen.

    Arguments and errors as of `tapescan.models.cone.unseen.judge_cone`.
    """
    from tapescan.models.cone.unseen import judge_cone as judge

    return judge(open_store(store), **options)


def judge_stored(store: Place = None, **options: Any) -> JudgedUnseen:
    """Judge the stored models on the store's sessions that came after their training.

    Arguments and errors as of `tapescan.models.stored.judge_stored`.
    """
    from tapescan.models.stored import judge_stored as judge

    return judge(open_store(store), **options)
