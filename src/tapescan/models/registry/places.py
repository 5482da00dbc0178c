"""Cards of ranges among a store's models: read when somebody asks for a range, and refused as models are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from tapescan.core.errors import TapescanError
from tapescan.models.registry.known import is_known

__all__ = ["CardPlace"]


class _Sealed(Protocol):
    @property
    def store(self) -> str: ...

    @property
    def seal(self) -> str: ...


Card = TypeVar("Card", bound=_Sealed)


@dataclass(frozen=True)
class CardPlace(Generic[Card]):
    """The place of a card.

    store : the identity of the store whose market is looked at. own : the folder is the store's own, where a card of
    another store, or one that was not made here, is refused.
    """

    path: Path
    store: str
    own: bool

    @property
    def card(self) -> Card | None:
        """None where there is none, or one that is refused."""
        return self._found[0]

    @property
    def refused(self) -> str:
        """Why a card that is there is not served; empty where none is."""
        return self._found[1]

    @cached_property
    def _found(self) -> tuple[Card | None, str]:
        if not self.path.exists():
            return None, ""
        try:
            card = self._read()
        except TapescanError as error:
            return None, str(error)
        if self.own and card.store != self.store:
            return None, "it learnt from another store; name the folder with --models to use it all the same"
        if self.own and not is_known(card.seal):
            return None, "it was not trained here; name the folder with --models to use it all the same"
        against = self._unfit(card)
        return (None, against) if against else (card, "")

    def _read(self) -> Card:
        """Raises ModelError or FileError."""
        raise NotImplementedError

    def _unfit(self, card: Card) -> str:  # noqa: ARG002 (of this kind of card)
        """Why a card that is whole cannot be used by this code; empty when it can."""
        return ""
