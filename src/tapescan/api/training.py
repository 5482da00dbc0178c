"""Use cases of models: train, judge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tapescan.api.places import Place, open_store

if TYPE_CHECKING:
    from tapescan.models.stored import JudgedUnseen
    from tapescan.models.train import Learnt

__all__ = ["judge_stored", "train_models"]


def train_models(store: Place = None, **options: Any) -> list[Learnt]:
    """Train a model for each horizon on a store's own market, judge it out of sample, and store it with its record.

    Arguments and errors as of `tapescan.models.stored.train_models`.
    """
    from tapescan.models.stored import train_models as train

    return train(open_store(store), **options)


def judge_stored(store: Place = None, **options: Any) -> JudgedUnseen:
    """Judge the stored models on the store's sessions that came after their training.

    Arguments and errors as of `tapescan.models.stored.judge_stored`.
    """
    from tapescan.models.stored import judge_stored as judge

    return judge(open_store(store), **options)
