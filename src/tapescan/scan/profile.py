"""Profiles: named weights, filters and risk settings, each a TOML file.

The shipped ones lie in ``scan/profiles``; a user's own is any path to a TOML file, or a name in the
folder that ``TAPESCAN_PROFILES`` names.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import os
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import msgspec

from tapescan.columns.factors import FACTORS
from tapescan.core.errors import ProfileError, nearest
from tapescan.core.settings import setting
from tapescan.core.toml import parse_toml, toml_bytes, toml_files

__all__ = [
    "DEFAULT_PROFILE",
    "Filters",
    "Portfolio",
    "Profile",
    "Regime",
    "Risk",
    "Weights",
    "load_profile",
    "profile_files",
    "profile_names",
]

DEFAULT_PROFILE = "swing"

Share = Annotated[float, msgspec.Meta(gt=0.0, le=1.0)]
Positive = Annotated[float, msgspec.Meta(gt=0.0, le=1e12)]
Multiple = Annotated[float, msgspec.Meta(gt=0.0, le=100.0)]
Weight = Annotated[float, msgspec.Meta(ge=0.0, le=100.0)]


RegimeLabel = Literal["up", "sideways", "down", "calm", "normal", "stressed", "unknown"]
#: What [regime.weights] may name.
FACTOR_NAMES = (*(factor.name for factor in FACTORS), "alpha")

#: The models' weight in a profile that does not name it.
ALPHA = 20.0


class _Weights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Each factor's share of the score, a field a factor; only their proportions count.

    alpha : of all trained models together, before their gates; nothing where there are none.
    """

    def factors(self) -> dict[str, float]:
        """Those of the factors that every scan has, without the models'."""
        found: dict[str, float] = msgspec.structs.asdict(self)
        del found["alpha"]
        return found


if TYPE_CHECKING:

    class Weights(_Weights, frozen=True):
        alpha: float

        def __init__(self, **weights: float) -> None: ...

    FactorName: TypeAlias = str
else:
    # The factors are declared in one place; a weight that is not named is 0.
    FactorName = Literal[FACTOR_NAMES]
    Weights = msgspec.defstruct(
        "Weights",
        [*((factor.name, Weight, 0.0) for factor in FACTORS), ("alpha", Weight, ALPHA)],
        bases=(_Weights,),
        module=__name__,
        namespace={"__doc__": _Weights.__doc__},
        frozen=True,
        forbid_unknown_fields=True,
    )


class Filters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who may be ranked.

    min_price, max_price : dollars. min_dollar_volume : mean dollars a session over 20 sessions.
    min_bars : bars of history. types : listing types. sectors : empty for all. where : a condition, in the language
    of screens, over what is known before anybody is ranked; empty for none.
    """

    min_price: Annotated[float, msgspec.Meta(ge=0.0)] = 1.0
    max_price: Positive = 1e9
    min_dollar_volume: Annotated[float, msgspec.Meta(ge=0.0)] = 1e6
    min_bars: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 63
    types: tuple[str, ...] = ("common", "adr", "unknown")
    sectors: tuple[str, ...] = ()
    where: str = ""


class Risk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a trade is planned.

    account : dollars. risk_per_trade : share of the account lost at the stop. max_position : share of the
    account in one position. max_volume : share of the 20-session mean dollar volume. stop_atr : the stop's least
    distance in average true ranges; max_stop_atr : its greatest. swing_bars : bars searched for the swing low or
    high, 10 or 20. reward_to_risk : the target's distance in multiples of the stop's.
    cost : basis points of each purchase or sale. borrow : percent a year that a short pays. hold : sessions after
    which a trade is given up, whatever it is worth. max_cost : the largest share of the risk that costs may take;
    there is no plan where they take more.
    """

    account: Positive = 100_000.0
    risk_per_trade: Share = 0.005
    max_position: Share = 0.10
    max_volume: Share = 0.01
    stop_atr: Multiple = 2.0
    max_stop_atr: Multiple = 4.0
    swing_bars: Literal[10, 20] = 10
    reward_to_risk: Multiple = 2.0
    cost: Annotated[float, msgspec.Meta(ge=0.0, le=1000.0)] = 10.0
    borrow: Annotated[float, msgspec.Meta(ge=0.0, le=1000.0)] = 3.0
    hold: Annotated[int, msgspec.Meta(ge=1, le=252)] = 10
    max_cost: Share = 0.2


class Portfolio(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one account takes of a ranked list, row after row.

    keep : who is held stays while it ranks among so many. Shares of the account: max_heat, lost if every stop is
    hit; max_gross, invested, longs and shorts together; max_sector, in one sector. max_beta : dollars times beta,
    shorts against longs, a multiple of the account. max_correlation : of 63 daily returns with a row taken before it
    on the same side; 1 for no limit.
    """

    keep: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 30
    max_heat: Share = 0.06
    max_gross: Annotated[float, msgspec.Meta(gt=0.0, le=10.0)] = 1.0
    max_sector: Annotated[float, msgspec.Meta(gt=0.0, le=10.0)] = 0.3
    max_beta: Annotated[float, msgspec.Meta(gt=0.0, le=100.0)] = 1.5
    max_correlation: Share = 0.8


class Regime(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a market regime changes: the weights of factors are multiplied, and so is the risk of each trade.

    Keys are the regime's trend (up, sideways, down) and volatility (calm, normal, stressed); both apply.
    """

    weights: dict[RegimeLabel, dict[FactorName, Weight]] = {}
    risk: dict[RegimeLabel, Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]] = {}


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A profile as read from its file."""

    title: str
    weights: Weights
    side: Literal["long", "short", "both"] = "long"
    filters: Filters = Filters()
    risk: Risk = Risk()
    portfolio: Portfolio = Portfolio()
    regime: Regime = Regime()
    name: str = ""

    @property
    def digest(self) -> str:
        """Names the content: the same settings have the same digest, whatever the file is called or looks like."""
        content = msgspec.to_builtins(msgspec.structs.replace(self, name=""))
        # Profiles from before there were models, conditions, or factors that wait to be asked keep their digests.
        for factor in FACTORS:
            if factor.asked and not content["weights"][factor.name]:
                del content["weights"][factor.name]
        if self.weights.alpha == ALPHA:
            del content["weights"]["alpha"]
        if not self.filters.where:
            del content["filters"]["where"]
        # Nor has what is done with its rows, where nothing is said of it.
        if self.portfolio == Portfolio():
            del content["portfolio"]
        for name in ("cost", "borrow", "hold", "max_cost"):
            if getattr(self.risk, name) == getattr(Risk(), name):
                del content["risk"][name]
        return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()[:16]


def profile_files() -> dict[str, Path]:
    """The profiles that can be asked for by name, shipped ones first, each with the file that is read for it: a
    user's own comes before a shipped one of the same name."""
    return {name: path for folder in _folders() for name, path in toml_files(folder).items()}


def profile_names() -> tuple[str, ...]:
    """The profiles that can be asked for by name, shipped ones first."""
    return tuple(profile_files())


def load_profile(name: str) -> Profile:
    """A shipped profile or a user's own by name, or any TOML file by its path.

    A user's own profile comes before a shipped one of the same name. Raises ProfileError for an unknown
    name (naming the nearest) and for a file that breaks the schema.
    """
    if name.endswith(".toml") or os.sep in name:
        path = Path(name)
        if not path.is_file():
            raise ProfileError(f"profile file {name} does not exist", "give a TOML file or the name of a profile")
        return _parse(path, name)
    for folder in reversed(_folders()):
        if os.path.isfile(path := folder / f"{name}.toml"):  # noqa: PTH113 (of any text, also of what is no name)
            return _parse(path, name)
    files = profile_files()
    raise ProfileError(f"unknown profile {name!r}", nearest(name, files) or f"known: {', '.join(files)}")


def _parse(path: Path, where: str) -> Profile:
    try:
        return _parsed(toml_bytes(path), where, path.stem)
    except OSError as error:
        raise ProfileError(f"profile {where}: {error.strerror or error}", "make it a readable file") from error
    except ValueError as error:
        raise ProfileError(f"profile {where}: {error}", "correct the TOML there") from error


@lru_cache(maxsize=32)
def _parsed(content: bytes, where: str, stem: str) -> Profile:
    """Checked once, since whoever scans again and again reads the same profile each time."""
    # Not at the top: whoever only wants the profiles' names, as a shell's completion, does not wait for polars.
    from tapescan.market.universe import SECTORS, TYPES, sector_name

    try:
        profile = msgspec.convert(parse_toml(content), Profile)
    except msgspec.ValidationError as error:
        raise ProfileError(f"profile {where}: {error}", "docs/reference/profiles.md lists every setting") from error
    except ValueError as error:
        raise ProfileError(f"profile {where}: {error}", "correct the TOML there") from error
    if not any(profile.weights.factors().values()):
        raise ProfileError(f"profile {where}: all weights are 0", "give at least one factor a weight")
    filters = profile.filters
    for kind in filters.types:
        if kind not in TYPES:
            raise ProfileError(
                f"profile {where}: unknown type {kind!r}", nearest(kind, TYPES) or f"known: {', '.join(TYPES)}"
            )
    for sector in filters.sectors:
        if not sector_name(sector):
            hint = nearest(sector, SECTORS) or f"known: {', '.join(SECTORS)}"
            raise ProfileError(f"profile {where}: unknown sector {sector!r}", hint)
    if filters.min_price > filters.max_price:
        raise ProfileError(f"profile {where}: min_price is above max_price", "lower it, or raise max_price")
    weights = profile.weights.factors()
    for pair in itertools.product(("up", "sideways", "down", "unknown"), ("calm", "normal", "stressed", "unknown")):
        factors = [profile.regime.weights.get(label, {}) for label in pair]  # type: ignore[call-overload]
        if not any(w * math.prod(f.get(name, 1.0) for f in factors) for name, w in weights.items()):
            raise ProfileError(
                f"profile {where}: in a market of {pair[0]} trend and {pair[1]} volatility all weights are 0",
                "leave one factor a weight in [regime.weights]",
            )
    if profile.risk.max_stop_atr < profile.risk.stop_atr:
        raise ProfileError(f"profile {where}: max_stop_atr is below stop_atr", "raise it to at least stop_atr")
    named = tuple(sector_name(sector) or sector for sector in filters.sectors)
    filters = msgspec.structs.replace(filters, sectors=named)
    return msgspec.structs.replace(profile, name=profile.name or stem, filters=filters)


def _folders() -> tuple[Path, ...]:
    own = setting("profiles")
    return (_shipped(), Path(own)) if own else (_shipped(),)


@cache
def _shipped() -> Path:
    return Path(str(resources.files("tapescan.scan") / "profiles"))
