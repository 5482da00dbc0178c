"""The vendors there are, and a link to each with its base addresses, keys and pace.

A vendor is a folder here with a file ``vendor.py`` that holds its class under the name ``VENDOR``: whoever adds one
touches nothing else (`_template` is a beginning).
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from functools import lru_cache

from yarl import URL

import tapescan.vendors
from tapescan.core.errors import OptionError, nearest
from tapescan.core.settings import vendor_setting, vendor_variable
from tapescan.network.limits import Pace, Slots
from tapescan.network.link import Link, Patience
from tapescan.vendors.keys import required_keys
from tapescan.vendors.seam import Plan, Vendor

__all__ = ["add_vendor", "base_addresses", "find_plan", "load_vendor", "open_link", "vendor_names"]

#: Vendors of other packages, and of tests.
_added: dict[str, Callable[[], Vendor]] = {}


@lru_cache(maxsize=1)
def _folders() -> tuple[str, ...]:
    found = pkgutil.iter_modules(tapescan.vendors.__path__)
    return tuple(sorted(one.name for one in found if one.ispkg and not one.name.startswith("_")))


def vendor_names() -> tuple[str, ...]:
    """The names of all vendors."""
    return (*_folders(), *_added)


def add_vendor(name: str, made: Callable[[], Vendor]) -> None:
    """Make a vendor of another package known. Raises ValueError for a name that is taken."""
    if name in vendor_names():
        raise ValueError(f"there is a vendor {name} already")
    _added[name] = made


def load_vendor(name: str) -> Vendor:
    """A vendor by its name; raises OptionError, naming the nearest."""
    if name in _added:
        return _added[name]()
    if name not in _folders():
        known = vendor_names()
        raise OptionError(f"no vendor is called {name!r}", nearest(name, known) or f"known: {', '.join(known)}")
    # Imported only when asked for: each brings its replies' types, some a library.
    vendor: Vendor = importlib.import_module(f"tapescan.vendors.{name}.vendor").VENDOR()
    return vendor


def find_plan(vendor: Vendor, name: str = "") -> Plan:
    """A vendor's plan by name, its first when none is named; TAPESCAN_<NAME>_PLAN names another one to begin with."""
    wanted = name or vendor_setting(vendor.name, "plan")
    known = [plan.name for plan in vendor.plans]
    if not wanted:
        return vendor.plans[0]
    for plan in vendor.plans:
        if plan.name == wanted:
            return plan
    raise OptionError(
        f"{vendor.name} has no plan {wanted!r}", nearest(wanted, known) or f"its plans: {', '.join(known)}"
    )


def base_addresses(vendor: Vendor) -> dict[str, str]:
    """Part -> base address, as the environment changes them; raises OptionError for what is no address."""
    found = {}
    for part, address in vendor.hosts.items():
        # One address for all parts is enough where one server stands for the vendor.
        given = part if vendor_setting(vendor.name, "url", part) else ""
        chosen = vendor_setting(vendor.name, "url", given) or address
        # The message leaves the text out: a key may have been put there by mistake.
        if not _is_address(chosen):
            variable = vendor_variable(vendor.name, "url", given)
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
    vendor: Vendor,
    plan: Plan,
    *,
    patience: Patience | None = None,
    slots: Slots | None = None,
    addresses: Mapping[str, str] | None = None,
) -> Link:
    """A link to a vendor at a plan's pace; raises VendorError (``no_key``) without its keys.

    slots : of the plan's limit; this link's own when None.
    """
    keys = required_keys(vendor.name, vendor.keys)
    values = {name: key.value for name, key in keys.items()}
    secret = {wanted.name for wanted in vendor.keys if wanted.secret}
    return Link(
        vendor.name,
        addresses or base_addresses(vendor),
        Pace(plan.requests, plan.seconds, plan.concurrency, slots),
        headers=vendor.headers(values),
        secrets={name: value for name, value in values.items() if name in secret},
        judge=vendor.judge,
        patience=patience,
    )
