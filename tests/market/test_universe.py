from __future__ import annotations

import polars as pl
import pytest

from tapescan.market.universe import COLUMNS, SECTORS, TYPES, build_universe, listing_numbers
from tests.conftest import SHARED


def type_of(name: str, symbol: str = "ABCD", industry: str = "", **facts: str) -> str:
    listing = pl.DataFrame(
        {"symbol": [symbol], "name": [name], "industry": [industry], **{k: [v] for k, v in facts.items()}}
    )
    answer: str = build_universe(listing, [symbol])["type"][0]
    return answer


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("common", "Agilent Technologies Inc. Common Stock"),
        ("common", "Alphabet Inc. Class C Capital Stock"),
        ("common", "AT&T Inc."),
        ("common", "Our Bond Inc. Common Stock"),
        ("common", "ADS-TEC ENERGY PLC Ordinary Shares"),
        ("common", "Cheniere Energy Partners LP Common Units"),
        ("common", "Permianville Royalty Trust Units of Beneficial Interest"),
        ("common", "Alexandria Real Estate Equities Inc. Common Stock"),
        ("common", "GFL Environmental Inc. Subordinate voting shares no par value"),
        ("adr", "Nokia Corporation Sponsored American Depositary Shares"),
        ("adr", "GRAVITY Co. Ltd. American Depository Shares"),
        ("adr", "Banco De Chile ADS"),
        ("adr", "ASML Holding N.V. New York Registry Shares"),
        ("adr", "Itau Unibanco Banco Holding SA American Depositary Shares (Each repstg 500 Preferred shares)"),
        (
            "adr",
            "Waterdrop Inc. American Depositary Shares (each representing the right to receive 10 Class A Shares)",
        ),
        ("spac", "Apogee Acquisition Corp Class A Ordinary Shares"),
        ("spac", "YHN Acquisition I Limited Ordinary Shares"),
        (
            "preferred",
            "Bank of America Depositary shares each representing 1/1000th interest in a share of 4.75% Pr",
        ),
        ("preferred", "MetLife Inc. Preferred Series A Floating Rate"),
        ("preferred", "Morgan Stanley Dep Shs repstg 1/1000 Pfd Ser A"),
        ("preferred", "DigitalBridge Group Inc. 7.125% Series J"),
        ("preferred", "NextEra Energy Inc. 7.299% Corporate Units"),
        ("preferred", "Highland Opportunities and Income Fund 5.375% Series A Cumulative Preferred Shares"),
        (
            "preferred",
            "Brookfield Property Partners L.P. 6.25% Class A Cumulative Redeemable Preferred Units Series 1",
        ),
        ("warrant", "Presidio Property Trust Inc. Series A Common Stock Purchase Warrants"),
        ("warrant", "IQM Quantum Computers Oyj Warrants to purchase American Depositary Shares"),
        ("right", "Breeze Acquisition Corp. II Right"),
        ("unit", "AmperCap Acquisition Company Unit"),
        ("unit", "Armada Acquisition Corp. III Units"),
        ("unit", "BrightSpring Health Services Inc. Tangible Equity Unit"),
        ("note", "Oxford Lane Capital Corp. 6.75% Notes due 2031"),
        ("note", "American Financial Group Inc. 5.625% Subordinated Debentures due 2060"),
        ("note", "Structured Products Corp 8.205% CorTS 8.205% Corporate Backed Trust Securities (CorTS)"),
        ("fund", "Western Asset Emerging Markets Debt Fund Inc Common Stock"),
        ("fund", "Flaherty & Crumrine Preferred and Income Fund Incorporated"),
        ("fund", "Vanguard Total Stock Market ETF"),
    ],
)
def test_the_name_tells_the_type(kind: str, name: str) -> None:
    assert type_of(name) == kind


def test_the_industry_tells_where_the_name_does_not() -> None:
    assert (
        type_of("Energy Transition Special Opportunities Class A Ordinary Shares", industry="Blank Checks") == "spac"
    )
    assert (
        type_of("BlackRock 2037 Municipal Target Term Trust Common Shares", industry="Investment Managers") == "fund"
    )
    assert (
        type_of("Silvercrest Asset Management Group Inc. Class A Common Stock", industry="Investment Managers")
        == "common"
    )
    assert type_of("Iron Horse Acquisitions Corp. II Rights", industry="Blank Checks") == "right"


@pytest.mark.parametrize(
    ("symbol", "kind"),
    [
        ("KIM_L", "preferred"),
        ("KIM^L", "preferred"),
        ("KIM$L", "preferred"),
        ("KIM-PL", "preferred"),
        ("KIM.PR.L", "preferred"),
        ("KIMpL", "preferred"),
        ("TYp", "preferred"),
        ("BRK-B", "common"),
        ("BRK.B", "common"),
        ("RAC-WS", "warrant"),
        ("RAC.W", "warrant"),
        ("RAC-WT", "warrant"),
        ("AAM-U", "unit"),
        ("AAM.UN", "unit"),
        ("AAM=", "unit"),
        ("CELG-R", "right"),
        ("PETWW", "warrant"),
        ("BACQU", "unit"),
        ("AACBR", "right"),
        ("QVCGP", "preferred"),
        ("NSRGY", "adr"),
        ("VFIAX", "fund"),
        ("ABCD", "unknown"),
        ("W", "unknown"),
        ("CGBDL", "unknown"),
    ],
)
def test_the_form_of_a_symbol_tells_where_there_is_no_listing(symbol: str, kind: str) -> None:
    universe = build_universe(None, [symbol])
    assert universe["type"].to_list() == [kind]
    assert universe.drop("symbol", "type").row(0) == ("",) * 5


def test_a_vendors_code_is_believed_before_the_name() -> None:
    assert type_of("Something Common Stock", type="PFD") == "preferred"
    assert type_of("Something Common Stock", type="ETF") == "fund"
    assert type_of("Something Trust Common Stock", etf="Y") == "fund"
    assert type_of("Something Warrants", type="a code nobody knows") == "warrant"


def test_a_companys_bare_name_leaves_the_type_to_the_symbol() -> None:
    assert type_of("Rithm Acquisition Corp.", symbol="RAC-WS") == "warrant"
    assert type_of("Haverty Furniture Companies Inc.", symbol="HVT-A") == "common"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("BRK-B", "BRK.B"), ("KIM_L", "KIM^L"), ("KIM_L", "KIMpL"), ("RAC-WS", "RAC.WT"), ("AAM-U", "AAM.U")],
)
def test_a_share_is_found_under_another_vendors_spelling(ours: str, theirs: str) -> None:
    listing = pl.DataFrame({"symbol": [theirs], "name": ["Found"]})
    universe = build_universe(listing, [ours])
    assert universe.select("symbol", "name").row(0) == (ours, "Found")


@pytest.mark.parametrize(
    ("spelling", "sector"),
    [
        ("Finance", "Financials"),
        ("Financial", "Financials"),
        ("Financial Services", "Financials"),
        ("Technology", "Information Technology"),
        ("Healthcare", "Health Care"),
        ("Consumer Cyclical", "Consumer Discretionary"),
        ("Consumer Defensive", "Consumer Staples"),
        ("Telecommunications", "Communication Services"),
        ("Basic Materials", "Materials"),
        (" energy ", "Energy"),
        ("Miscellaneous", ""),
        (None, ""),
        ("Space Mining", "Space Mining"),
        *((name, name) for name in SECTORS),
    ],
)
def test_sectors_of_all_vendors_have_one_name(spelling: str | None, sector: str) -> None:
    listing = pl.DataFrame({"symbol": ["A"], "sector": pl.Series([spelling], dtype=pl.String)})
    assert build_universe(listing, ["A"])["sector"].to_list() == [sector]


def test_one_row_for_each_symbol_in_their_order() -> None:
    listing = pl.DataFrame(
        {"symbol": ["B", "A", "B"], "name": ["first B Inc.", "A Inc.", "second B Inc."], "market_cap": [1, 2, 3]}
    )
    universe = build_universe(listing, ["Z", "B", "A", "B"])
    assert universe.columns == list(COLUMNS)
    assert universe["symbol"].to_list() == ["Z", "B", "A", "B"]
    assert universe["name"].to_list() == ["", "first B Inc.", "A Inc.", "first B Inc."]
    assert set(universe.dtypes) == {pl.String}
    assert universe.null_count().row(0) == (0,) * len(COLUMNS)


def test_the_listings_numbers_are_found_under_any_spelling() -> None:
    listing = pl.DataFrame(
        {"symbol": ["BRK/B", "A", "BRK.B"], "market_cap": [1.5, None, 3.0], "ipo_year": [1990, 2000, 1]}
    )
    found = listing_numbers(listing, ["Z", "BRK.B", "A"])
    assert found["listed_market_cap"].to_list() == [None, 1.5, None]
    assert found["ipo_year"].to_list() == [None, 1990, 2000]
    for bare in (None, listing.clear(), listing.select("symbol")):
        told = listing_numbers(bare, ["A", "Z"])
        assert told.schema == {"listed_market_cap": pl.Float64, "ipo_year": pl.Int64}
        assert told.null_count().row(0) == (2, 2)


def test_nothing_asked_nothing_given() -> None:
    assert build_universe(None, []).shape == (0, len(COLUMNS))


def test_the_real_listing() -> None:
    file = SHARED / "universe_us_20260821.parquet"
    if not file.exists():
        pytest.skip(f"types and sectors of the real listing not checked: no {file}")
    listing = pl.read_parquet(file)
    universe = build_universe(listing, listing["symbol"].to_list())
    assert set(universe["type"]) <= set(TYPES)
    assert set(universe["sector"]) <= {"", *SECTORS}
    # The sectors of a vendor that names them all but for a few: none is lost.
    assert (universe["sector"] == "").sum() == listing["sector"].is_in(["Miscellaneous"]).sum() + listing[
        "sector"
    ].null_count()
    # Series of preferreds stand behind ^ in this listing; some of them are notes.
    series = universe.filter(pl.col("symbol").str.contains("^", literal=True))
    assert set(series["type"]) == {"preferred", "note"}
    shares = dict(universe["type"].value_counts().iter_rows())
    assert shares["common"] > 0.6 * len(universe)
    assert all(shares[kind] > 50 for kind in TYPES if kind not in {"unknown", "index", "test", "when-issued"})
    assert "unknown" not in shares


def test_an_index_is_no_share() -> None:
    assert build_universe(None, ["SPX", "SPY"])["type"].to_list() == ["index", "fund"]
