"""What a column is, and what a source of columns is.

A source is one file beside this one that holds a `Source` named ``SOURCE``; nothing else has to know of it. A column
that is made of others says of which, and how:

    SOURCE = Source(
        name="mine",
        title="columns of my own",
        order=90,
        columns=(
            Column(
                name="atr_share",
                title="average true range as a share of the price",
                unit="ratio",
                group="mine",
                meaning="the 14-bar average true range over the close",
                low=0.0,
                needs=("close", "atr_14"),
                value=lambda of: of["atr_14"] / of["close"],
            ),
        ),
    )
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from tapescan.core.typing import Array

if TYPE_CHECKING:  # naming a column, as a shell's completion does, needs no polars
    import polars as pl

__all__ = ["Column", "Kind", "Source", "Values"]

#: Columns by name, each with the values of all symbols, ``(symbols,)``: float64 with NaN where unknown, int64, texts
#: or days.
Values: TypeAlias = Mapping[str, Array]
#: A column's type, by its name in polars.
Kind = Literal["Boolean", "Date", "Float64", "Int64", "String", "UInt32"]


@dataclass(frozen=True)
class Column:
    """One column.

    name : as screens write it. title : a few words. meaning : one sentence, or the formula.
    unit : ``price`` (dollars a share), ``dollars``, ``shares``, ``ratio`` (1.0 = 100 %), ``percent``, ``points``,
        ``bars``, ``minutes``, ``sessions``, ``year``, ``index``, ``degrees``, ``1``; empty for texts and dates.
    group : what it stands beside in lists.
    low, high : inclusive range that it never leaves; None where unbounded.
    kind : its type.
    needs : the columns that its value is made of. value : from these to its own, ``(symbols,)``; what comes out as
        no finite number is unknown. None for a column that its source knows without them.
    by_source : whether its source makes it, of what it needs and of what is no column, and so says not how.
    always : whether every result has it, asked for or not.
    late : whether it is known only when all are ranked, and so not to screens and rankings.
    source : the name of its source; the registry fills it in.
    """

    name: str
    title: str
    unit: str
    group: str
    meaning: str
    low: float | None = None
    high: float | None = None
    kind: Kind = "Float64"
    needs: tuple[str, ...] = ()
    value: Callable[[Values], Array] | None = None
    always: bool = False
    late: bool = False
    by_source: bool = False
    source: str = ""

    def __post_init__(self) -> None:
        if (self.value is None and not self.by_source) != (not self.needs):
            raise ValueError(f"the column {self.name} must say both what it is made of and how, or neither")
        if self.value is not None and self.always:
            raise ValueError(f"the column {self.name} is made of others, so it is in a result where it is asked for")

    @property
    def dtype(self) -> pl.DataType:
        """Its type in polars."""
        import polars as pl

        found: pl.DataType = getattr(pl, self.kind)()
        return found


@dataclass(frozen=True)
class Source:
    """Where columns come from.

    order : its place in lists. columns : those that are listed.
    resolve : for names that are written by a rule (``sma_37``): their column, or None for a name that is none of this
        source's. Raises OptionError for one whose rule is broken.
    families : the rule in words; empty where there is none.
    """

    name: str
    title: str
    order: int
    columns: tuple[Column, ...]
    resolve: Callable[[str], Column | None] = lambda name: None  # noqa: ARG005 (no rule knows no name)
    families: str = ""
