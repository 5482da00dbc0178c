"""Exports in the languages of Investing.com's sites, numbers in quotes and with a decimal comma among them."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tapescan.importing.importing import import_files
from tapescan.store import Store
from tests.importing.files import history

BARS = history().with_columns((pl.col("volume") / 1e4).round() * 1e4)

SITES = {
    "com": ("Date,Price,Open,High,Low,Vol.,Change %", "%m/%d/%Y", "."),
    "uk": ("Date,Price,Open,High,Low,Vol.,Change %", "%d/%m/%Y", "."),
    "de": ("Datum,Zuletzt,Er\u00f6ffn.,Hoch,Tief,Vol.,+/- %", "%d.%m.%Y", ","),
    "fr": ("Date,Dernier,Ouv., Plus Haut,Plus Bas,Vol.,Variation %", "%d/%m/%Y", ","),
    "es": ("Fecha,\u00daltimo,Apertura,M\u00e1ximo,M\u00ednimo,Vol.,% var.", "%d.%m.%Y", ","),
    "it": ("Data,Ultimo,Apertura,Massimo,Minimo,Vol.,Var. %", "%d.%m.%Y", ","),
    "pt": ("Data,\u00daltimo,Abertura,M\u00e1xima,M\u00ednima,Vol.,Var%", "%d.%m.%Y", ","),
    "nl": ("Datum,Laatste,Open,Hoog,Laag,Vol.,Verschil %", "%d-%m-%Y", ","),
}


def exported(header: str, form: str, point: str) -> str:
    swapped = str.maketrans(".,", ",.") if point == "," else {}
    lines = [",".join(f'"{name}"' for name in header.split(","))]
    for row in BARS.reverse().iter_rows(named=True):
        prices = [f"{row[name]:,.2f}".translate(swapped) for name in ("close", "open", "high", "low")]
        others = [text.translate(swapped) for text in (f"{row['volume'] / 1e6:.2f}M", "0.54%")]
        lines.append(",".join(f'"{cell}"' for cell in (f"{row['session']:{form}}", *prices, *others)))
    return "\ufeff" + "\n".join(lines) + "\n"


@pytest.mark.parametrize("site", SITES)
def test_an_export_of_a_site(store: Store, tmp_path: Path, site: str) -> None:
    path = tmp_path / "AAPL Historical Data.csv"
    path.write_text(exported(*SITES[site]), encoding="utf-8")
    import_files(store, [path])
    assert_frame_equal(store.known().bars(), BARS, rel_tol=1e-9)
