"""The vendors there are, and a link to each with its base addresses, keys and pace.

A new vendor is one file with a `Provider` in it and one line in `_FILES`.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping

from yarl import URL

from tapescan.errors import OptionError, nearest
from tapescan.providers.keys import required_keys
from tapescan.providers.limits import Pace
from tapescan.providers.link import Link, Patience
from tapescan.providers.seam import Plan, Provider

__all__ = ["VENDORS", "base_addresses", "find_plan", "load_vendor", "open_link"]

#: Name -> class. Imported only when asked for: each brings its reply's types, some a library.
_FILES = {
    "massive": "Massive",
    "alpaca": "Alpaca",
    "sec": "Sec",
    "nasdaqtrader": "NasdaqTrader",
    "yahoo": "Yahoo",
    "stooq": "Stooq",
}

VENDORS = tuple(_FILES)


def load_vendor(name: str) -> Provider:
    """A vendor by its name; raises OptionError, naming the nearest."""
    if name not in _FILES:
        raise OptionError(f"no source is called {name!r}", nearest(name, VENDORS) or f"known: {', '.join(VENDORS)}")
    module = importlib.import_module(f"tapescan.providers.{name}")
    provider: Provider = getattr(module, _FILES[name])()
    return provider


def find_plan(provider: Provider, name: str = "") -> Plan:
    """A vendor's plan by name, its first when none is named; TAPESCAN_<NAME>_PLAN names another one to begin with."""
    wanted = name or os.environ.get(f"TAPESCAN_{provider.name.upper()}_PLAN", "")
    known = [plan.name for plan in provider.plans]
    if not wanted:
        return provider.plans[0]
    for plan in provider.plans:
        if plan.name == wanted:
            return plan
    raise OptionError(
        f"{provider.name} has no plan {wanted!r}", nearest(wanted, known) or f"its plans: {', '.join(known)}"
    )


def base_addresses(provider: Provider) -> dict[str, str]:
    """Part -> base address, as the environment changes them; raises OptionError for what is no address."""
    found = {}
    for part, address in provider.hosts.items():
        variable = "_".join(["TAPESCAN", provider.name.upper(), *([part.upper()] if part else []), "URL"])
        # One address for all parts is enough where one server stands for the vendor.
        if not os.environ.get(variable):
            variable = f"TAPESCAN_{provider.name.upper()}_URL"
        chosen = os.environ.get(variable) or address
        # The message leaves the text out: a key may have been put there by mistake.
        if not _is_address(chosen):
            raise OptionError(f"{variable} holds no address", "write it as https://host, without a key or password")
        found[part] = chosen
    return found


def _is_address(text: str) -> bool:
    try:
        url = URL(text)
        return url.scheme in ("http", "https") and bool(url.host) and url.user is None and not url.query_string
    except ValueError:
        return False


def open_link(
    provider: Provider,
    plan: Plan,
    *,
    patience: Patience | None = None,
    spent: tuple[float, ...] = (),
    addresses: Mapping[str, str] | None = None,
) -> Link:
    """A link to a vendor at a plan's pace; raises ProviderError (``no_key``) without its keys.

    spent : seconds since requests that were made before in the plan's window.
    """
    keys = required_keys(provider.name, provider.keys)
    values = {name: key.value for name, key in keys.items()}
    secret = {wanted.name for wanted in provider.keys if wanted.secret}
    return Link(
        provider.name,
        addresses or base_addresses(provider),
        Pace(plan.requests, plan.seconds, plan.concurrency, spent),
        headers=provider.headers(values),
        secrets={name: value for name, value in values.items() if name in secret},
        judge=provider.judge,
        patience=patience,
    )
