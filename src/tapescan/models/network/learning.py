"""How the network learns, by torch: pinball loss, and an end where whole dates that it has not seen say so.

The newest part of the training dates is held out, and the rows just before, whose returns reach into it. After each
round the loss on those dates is taken; each member keeps the weights with its least one. Those of round 0 are the
volatility rule, so a member that finds nothing says what the rule says.

The same numbers come of the same rows: no global state of torch's is drawn from, and its threads are always as many.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tapescan.core.errors import OptionError
from tapescan.core.typing import Array, Floats, Singles
from tapescan.models.cone.law import HIGH, LEVELS, LOW, MEDIAN, NORMAL_SPREAD
from tapescan.models.network.forward import (
    Tensor,
    begun,
    ladder,
    levels_of,
    network,
    prepared,
)
from tapescan.models.network.inputs import CHANNELS, Layout
from tapescan.models.network.rows import Learning, Learnt, Orders, Rows, like, spaced

__all__ = ["has_gpu", "learnt", "load_torch"]

#: Threads of torch: several wait for each other by spinning, and beside other work take ten times as long.
THREADS = 1

#: Rows that are looked through at a time, and those of the held-out dates on which losses are taken.
CHUNK, JUDGED = 65_536, 20_000

#: Of few rows a round goes through all of them no more than so many times, and a pass takes at least so many steps.
FEW_ROUNDS, LEAST_STEPS = 4, 16

#: The share of rows that are learnt from without their season: what is the same for all symbols tells days apart.
SEASONLESS = 0.5

#: Rows on which it is seen what the loss is without a variable.
ASKED = 4_096

#: A row whose rule is so many times as wide as the mean counts no more than this many times.
MOST_WEIGHT = 4.0


def load_torch() -> Any:
    """Torch, or an OptionError that says how to get it."""
    try:
        import torch
    except ImportError as error:
        raise OptionError("PyTorch is not installed", "pip install 'tapescan[deep]'") from error
    return torch


def has_gpu() -> bool:
    return bool(load_torch().cuda.is_available())


@dataclass(frozen=True)
class _Torch:
    """The operations of `forward`, carried out. rate : of what is dropped; draw : where from."""

    torch: Any
    rate: float = 0.0
    draw: Any = None

    def elu(self, x: Tensor) -> Tensor:
        return self.torch.nn.functional.elu(x)

    def sigmoid(self, x: Tensor) -> Tensor:
        return self.torch.sigmoid(x)

    def softmax(self, x: Tensor) -> Tensor:
        return self.torch.softmax(x, -1)

    def norm(self, x: Tensor) -> Tensor:
        return self.torch.nn.functional.layer_norm(x, x.shape[-1:])

    def exp(self, x: Tensor) -> Tensor:
        return self.torch.exp(x)

    def log(self, x: Tensor) -> Tensor:
        return self.torch.log(x)

    def clip(self, x: Tensor, low: float, high: float) -> Tensor:
        return self.torch.clamp(x, low, high)

    def within(self, x: Tensor, low: Tensor, high: Tensor) -> Tensor:
        return self.torch.minimum(self.torch.maximum(x, low), high)

    def where(self, chosen: Tensor, yes: Tensor, no: Tensor) -> Tensor:
        return self.torch.where(chosen, yes, no)

    def known(self, of: Tensor, x: Tensor) -> Tensor:
        return self.torch.where(self.torch.isnan(of), self.torch.zeros_like(x), x)

    def columns(self, x: Tensor, places: Sequence[int]) -> Tensor:
        return x[:, list(places)]

    def reshape(self, x: Tensor, *shape: int) -> Tensor:
        return x.reshape(shape)

    def transpose(self, x: Tensor) -> Tensor:
        return x.transpose(-1, -2)

    def mean(self, x: Tensor, axis: int) -> Tensor:
        return x.mean(axis)

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        return self.torch.cat(list(parts), -1)

    def earlier(self, x: Tensor, days: int) -> Tensor:
        return x if not days else self.torch.nn.functional.pad(x, (0, 0, days, 0))[:, :, : x.shape[2]]

    def drop(self, x: Tensor) -> Tensor:
        if not self.rate:
            return x
        kept = self.torch.rand(x.shape, generator=self.draw, device=x.device) >= self.rate
        return x * kept / (1.0 - self.rate)


def learnt(rows: Rows, layout: Layout, how: Learning, horizons: tuple[int, ...]) -> Learnt:
    """Train a network on rows."""
    torch = load_torch()
    with _steady(torch):
        return _Training(torch, rows, layout, how, horizons).run()


@contextmanager
def _steady(torch: Any) -> Iterator[None]:
    """Torch so that it gives the same numbers twice, and as it was afterwards."""
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(THREADS)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(strict)
        torch.set_num_threads(threads)


@dataclass(eq=False)
class _Training:
    torch: Any
    rows: Rows
    layout: Layout
    how: Learning
    horizons: tuple[int, ...]
    constants: dict[str, Tensor] = field(default_factory=dict)

    def run(self) -> Learnt:
        torch, how, rows = self.torch, self.how, self.rows
        numbers = {**like(rows.values[spaced(len(rows.values), 4 * CHUNK)], self.layout), **ladder()}
        self._put(numbers)
        scalars, past, scale = self._prepared()
        moves = self._moves(scale)
        numbers |= self._rule(moves)
        self._put(numbers)
        weights = {name: self._tensor(one) for name, one in begun(how.sizes, how.seed).items()}
        data = tuple(
            self._tensor(one) for one in (scalars, past, rows.season, np.nan_to_num(moves), ~np.isnan(moves))
        )
        weigh = np.minimum(scale / scale.mean(), np.float32(MOST_WEIGHT))
        data = (*data, self._tensor(weigh[:, None] / len(LEVELS)), self._tensor(self._usual(moves)))
        kept, rounds, losses = self._descend(weights, data)
        asked = spaced(len(rows.held), ASKED)
        by_scalar, by_past = self._without(kept, data, torch.as_tensor(rows.held[asked]).to(how.device))
        return Learnt(
            {name: one.cpu().numpy() for name, one in kept.items()}, numbers, rounds, losses, by_scalar, by_past
        )

    def _put(self, numbers: Mapping[str, Array]) -> None:
        self.constants = {name: self._tensor(np.asarray(one)) for name, one in numbers.items()}

    def _tensor(self, numbers: Array) -> Tensor:
        return self.torch.as_tensor(np.ascontiguousarray(numbers)).to(self.how.device)

    def _prepared(self) -> tuple[Singles, Singles, Singles]:
        """All rows as the network takes them; the rule's deviation over one session ``(rows,)``."""
        parts: list[tuple[Singles, ...]] = []
        with self.torch.no_grad():
            for begin in range(0, len(self.rows.values), CHUNK):
                some = self._tensor(self.rows.values[begin : begin + CHUNK])
                found = prepared(_Torch(self.torch), self.constants, some, self.layout)
                parts.append(tuple(one.cpu().numpy() for one in found))
        scalars, past, scale = (np.concatenate(some) for some in zip(*parts, strict=True))
        return scalars, past, scale[:, 0]

    def _moves(self, scale: Singles) -> Singles:
        """Log returns over the rule's deviation, ``(rows, horizons)``."""
        found: Singles = self.rows.targets / (scale[:, None] * np.sqrt(np.array(self.horizons, np.float32)))
        return found

    def _usual(self, moves: Singles) -> Singles:
        """The median of each row's date, ``(rows, horizons)``."""
        found = np.zeros_like(moves)
        for day in np.unique(self.rows.session):
            here = self.rows.session == day
            known = ~np.isnan(moves[here]).all(axis=0)
            found[np.ix_(here, known)] = np.nanmedian(moves[here][:, known], axis=0)
        return found

    def _rule(self, moves: Singles) -> dict[str, Array]:
        """The rule's quantiles of all training dates, as `forward.levels_of` takes them."""
        levels = np.array([np.nanquantile(moves[:, at], LEVELS) for at in range(len(self.horizons))])
        steps = np.maximum(np.diff(levels, axis=1), 1e-6 * np.abs(levels).max() + 1e-30)
        spread = np.maximum(levels[:, HIGH] - levels[:, LOW], 1e-30) / NORMAL_SPREAD
        return {
            "middle": levels[:, MEDIAN : MEDIAN + 1].astype(np.float32),
            "spread": spread[:, None].astype(np.float32),
            "steps": steps.astype(np.float32),
        }

    def _descend(
        self, weights: dict[str, Tensor], data: tuple[Tensor, ...]
    ) -> tuple[dict[str, Tensor], tuple[int, ...], tuple[float, float]]:
        """The weights of each member after its best round."""
        torch, how, members = self.torch, self.how, self.how.sizes.members
        for one in weights.values():
            one.requires_grad_(True)
        heavy = [one for name, one in weights.items() if not name.endswith(("bias", "level"))]
        light = [one for name, one in weights.items() if name.endswith(("bias", "level"))]
        optimiser = torch.optim.AdamW(
            [{"params": heavy, "weight_decay": how.decay}, {"params": light, "weight_decay": 0.0}], lr=how.rate
        )
        draw = torch.Generator(device=how.device).manual_seed(how.seed)
        op, orders = _Torch(torch, how.dropout, draw), Orders(self.rows.train, members, how.seed)
        held = torch.as_tensor(self.rows.held[spaced(len(self.rows.held), JUDGED)]).to(how.device)
        seen = min(how.round, FEW_ROUNDS * len(self.rows.train))
        batch = min(how.batch, max(len(self.rows.train) // LEAST_STEPS, 1))
        first = least = self._losses(weights, data, held)
        kept, rounds = {name: one.detach().clone() for name, one in weights.items()}, np.zeros(members, int)
        for number in range(1, how.rounds + 1):
            for _ in range(seen // batch):
                places = torch.as_tensor(orders.next(batch)).to(how.device)
                optimiser.zero_grad(set_to_none=True)
                self._learnt_loss(op, weights, data, places, how.sizes.members).sum().backward()
                optimiser.step()
            now = self._losses(weights, data, held)
            better = now < least
            for name, one in weights.items():
                kept[name][better] = one.detach()[better]
            least, rounds = np.minimum(now, least), np.where(better, number, rounds)
            if number - rounds.max() >= how.patience:
                break
        ensemble = float(self._ensemble(kept, data, held).item())
        return kept, tuple(rounds.tolist()), (float(first[0]), ensemble)

    def _forward(
        self, op: _Torch, weights: Mapping[str, Tensor], some: tuple[Tensor, ...], lead: int
    ) -> tuple[Tensor, Tensor]:
        sizes = self.how.sizes
        scalars, past, season = some
        known = season.reshape(lead, -1, 2)
        said, _, _, attention = network(op, weights, sizes, scalars, past, known, lead)
        return levels_of(op, self.constants, said), attention

    def _loss(
        self, op: _Torch, weights: Mapping[str, Tensor], data: tuple[Tensor, ...], places: Tensor, lead: int
    ) -> Tensor:
        """The mean pinball loss of each member, ``(members,)``. places : ``(lead, rows)``."""
        scalars, past, season, moves, there, weigh = (one[places] for one in data[:6])
        said, _ = self._forward(op, weights, (scalars, past, season), lead)
        return self._pinball(said, moves, there, weigh).mean((1, 2))

    def _learnt_loss(
        self, op: _Torch, weights: Mapping[str, Tensor], data: tuple[Tensor, ...], places: Tensor, lead: int
    ) -> Tensor:
        """What is descended, ``(members,)``: the median learns by how much a share does better than the others of its
        date, and no date's own move; the other levels learn how far they lie from the median."""
        scalars, past, season, moves, there, weigh, usual = (one[places] for one in data)
        known = self.torch.rand(season.shape[:2], generator=op.draw, device=season.device) >= SEASONLESS
        said, _ = self._forward(op, weights, (scalars, past, season * known[..., None, None]), lead)
        middle = said[..., MEDIAN : MEDIAN + 1]
        beside = said - middle + middle.detach()
        own = self._pinball(middle + (usual - self.constants["middle"][:, 0])[..., None], moves, there, weigh)
        others = self._pinball(beside, moves, there, weigh)
        return (others + own).mean((1, 2))

    def _pinball(self, said: Tensor, moves: Tensor, there: Tensor, weigh: Tensor) -> Tensor:
        """Summed over the levels, or of the median alone where that is all there is, as a deviation of the rule."""
        levels = LEVELS if said.shape[-1] > 1 else LEVELS[MEDIAN : MEDIAN + 1]
        level = self.torch.as_tensor(np.array(levels, np.float32)).to(said.device)
        beyond = moves[..., None] - said
        lost = self.torch.maximum(level * beyond, (level - 1.0) * beyond).sum(-1)
        return lost * there * weigh / self.constants["spread"][:, 0]

    def _losses(self, weights: Mapping[str, Tensor], data: tuple[Tensor, ...], places: Tensor) -> Floats:
        """Of each member on the same rows."""
        total = np.zeros(self.how.sizes.members)
        with self.torch.no_grad():
            for begin in range(0, len(places), CHUNK // 8):
                some = places[None, begin : begin + CHUNK // 8]
                total += self._loss(_Torch(self.torch), weights, data, some, 1).cpu().numpy() * some.shape[1]
        return total / max(len(places), 1)

    def _ensemble(
        self, weights: Mapping[str, Tensor], data: tuple[Tensor, ...], places: Tensor, change: Any = None
    ) -> Tensor:
        """The loss of the members' mean. change : does something to scalars and past before."""
        total = 0.0
        with self.torch.no_grad():
            for begin in range(0, len(places), CHUNK // 8):
                some = places[None, begin : begin + CHUNK // 8]
                scalars, past, season, moves, there, weigh = (one[some] for one in data[:6])
                if change is not None:
                    scalars, past = change(scalars, past)
                said, _ = self._forward(_Torch(self.torch), weights, (scalars, past, season), 1)
                total = total + self._pinball(said.mean(0)[None], moves, there, weigh).mean((0, 2)).sum()
        return total / max(len(places), 1)

    def _without(
        self, weights: Mapping[str, Tensor], data: tuple[Tensor, ...], places: Tensor
    ) -> tuple[Floats, Floats]:
        """By how much the loss rises where a scalar, or a channel, is the middle of all; a channel's share is its
        days' as far as they are attended to."""
        layout, whole = self.layout, float(self._ensemble(weights, data, places).item())

        def lost(change: Any) -> float:
            return max(float(self._ensemble(weights, data, places, change).item()) - whole, 0.0)

        def scalar(at: int) -> Any:
            def change(scalars: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
                scalars = scalars.clone()
                scalars[..., at] = 0.0
                return scalars, past

            return change

        def channel(at: int) -> Any:
            def change(scalars: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
                past = past.clone()
                past[..., at :: len(CHANNELS)] = 0.0
                return scalars, past

            return change

        some = places[None]
        with self.torch.no_grad():
            _, attention = self._forward(_Torch(self.torch), weights, tuple(one[some] for one in data[:3]), 1)
        days = attention.mean((0, 1, 2)).cpu().numpy().astype(np.float64)
        channels = np.array([lost(channel(at)) for at in range(len(CHANNELS))])
        return np.array([lost(scalar(at)) for at in range(len(layout.scalars))]), days[:, None] * channels
