"""Funds among symbols that no listing names: those that are known by name, and those that behave as one.

No company's share moves as the market does to nine tenths, twice as far as another share or against it, or as
little as a bond. Measured on 3,301 listed common stocks of July 2025: none met the first two tests, one the third,
which was a blank-check company.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import polars as pl

from tapescan.core.typing import Bools, Floats, Ints

__all__ = [
    "FUND_SESSIONS",
    "KNOWN_FUNDS",
    "QUIET_SESSIONS",
    "Closes",
    "funds_among",
    "funds_by_closes",
    "judged_through",
]

#: Sessions that are looked at, returns that there must be, and dollars a session below which nothing is told.
FUND_SESSIONS, _LEAST, _TRADED = 121, 100, 1e6
#: Sessions in which what is quiet has made no jump.
QUIET_SESSIONS = 400
#: A bond or money fund: at most this daily deviation, and no move above that. A share that is being bought for cash
#: is as quiet, but jumped when that became known.
_QUIET, _JUMP = 0.0035, 0.03
#: Correlation with the market; with one other symbol, at a multiple or against it.
_MARKET, _OTHER, _TIMES, _AGAINST = 0.93, 0.97, 1.7, -0.7

_NAMES = """
AAXJ ACWI ACWX AGG AGZ AIQ AMLP ANGL ARKF ARKG ARKK ARKQ ARKW ARKX ASHR BBJP BIL BITB BITI BITO BITX BIV BKLN BLV
BND BNDX BOIL BOTZ BSV BUFR BUG CALF CGCP CGDV CGGR CIBR CLOU COMT COPX COWZ CQQQ CWB CWEB DBA DBC DBEF DBO DFAC
DFAE DFAI DFAS DFAT DFAU DFAX DFIC DFIV DFUS DFUV DGRO DGRW DIA DIHP DISV DIVO DOG DRIP DUG DUST DVY DXD DXJ EDV EEM
EEMV EFA EFAV EFG EFV EFZ EIDO EMB EMLC EMXC ENZL EPI EPOL EPP ERX ERY ESGD ESGE ESGU ETHA EUFN EUM EUO EURL EWA EWC
EWD EWG EWH EWI EWJ EWL EWM EWN EWP EWQ EWS EWT EWU EWW EWX EWY EWZ EZA EZU FALN FAS FAZ FBND FBTC FDIS FDL FDN FENY
FEZ FIW FLOT FLRN FNCL FNDA FNDE FNDF FNDX FNGD FNGU FPE FREL FTCS FTEC FTSM FUTY FVD FXA FXB FXC FXE FXF FXI FXP
FXY GBIL GBTC GDX GDXJ GLD GLDM GLL GLTR GNR GOVT GSG GSLC GSY GUNR GUSH GVI HACK HDV HEDJ HEFA HYD HYG HYLB HYMB
HYS IAGG IAI IAK IAT IAU IAUM IBB IBIT IBUY ICF ICLN ICSH IDEV IDU IDV IEF IEFA IEI IEMG IEO IEUR IEV IEZ IFRA IGE
IGF IGIB IGLB IGM IGSB IGV IHE IHF IHI IJH IJJ IJK IJR IJS IJT ILF INDA INDY INFL IOO IPAC ISTB ITA ITB ITOT ITW
IUSB IUSG IUSV IVE IVOL IVOO IVV IVW IWB IWC IWD IWF IWL IWM IWN IWO IWP IWR IWS IWV IWX IWY IXC IXG IXJ IXN IXP
IXUS IYC IYE IYF IYG IYH IYJ IYK IYM IYR IYT IYW IYZ JAAA JDST JEPI JEPQ JETS JGLD JNK JNUG JPST JPUS KBE KBWB KIE
KOLD KRBN KRE KWEB LABD LABU LIT LQD LQDH MBB MCHI MDY MDYG MDYV MGC MGK MGV MINT MJ MLPA MOAT MOO MSOS MTUM MUB
NAIL NANR NEAR NOBL NUGT NULV NVDL OEF OIH OMFL ONEQ PALL PAVE PBW PCY PDBC PEJ PEY PFF PGF PGX PHO PICK PKW PPA PPH
PPLT PREF PRF PRN PSCT PSI PSQ PTLC PXF PZA QAI QCLN QID QLD QQEW QQQ QQQM QTEC QUAL QYLD RDVY REET REM REMX REZ
RINF RING RODM ROM RPG RPV RSP RSPT RSX RTH RWJ RWL RWM RWO RWR RWX RXL RYLD RYT SCHA SCHB SCHC SCHD SCHE SCHF SCHG
SCHH SCHI SCHK SCHM SCHO SCHP SCHQ SCHR SCHV SCHX SCHZ SCO SCZ SDIV SDOW SDS SDY SFLR SGOL SGOV SH SHM SHV SHY SHYG
SIL SILJ SIVR SJNK SKYY SLV SLX SLYG SLYV SMDV SMH SMLF SOXL SOXS SOXX SPAB SPDN SPDW SPEM SPGM SPHB SPHD SPHQ SPHY
SPIB SPIP SPLB SPLG SPLV SPMB SPMD SPMO SPSB SPSK SPSM SPTI SPTL SPTM SPTS SPUU SPXL SPXS SPXU SPY SPYD SPYG SPYV
SPYX SQQQ SRLN SRS SRTY SSO STIP SUB SUSA SUSL SVIX SVXY SWAN TAIL TAN TBF TBIL TBT TDIV TECL TECS TFI TFLO THD TIP
TLH TLT TLTW TMF TMV TNA TOTL TQQQ TSLL TTT TUR TWM TYD TZA UBT UCO UDOW UGA UGL ULTY UNG UPRO UPW URA URNM URTH
URTY USCI USD USFR USHY USIG USMC USMV USO USRT USTB UUP UVXY UWM UXI UYG UYM VAW VB VBK VBR VCIT VCLT VCR VCSH VDC
VDE VEA VEU VFH VGIT VGK VGLT VGSH VGT VHT VIG VIGI VIOO VIS VIXY VLUE VMBS VNM VNQ VNQI VO VOE VONE VONG VONV VOO
VOOG VOOV VOT VOX VPL VPU VRP VSS VT VTEB VTI VTIP VTV VTWO VUG VV VWO VWOB VXF VXUS VXX VYM VYMI WCLD WOOD XAR XBI
XES XHB XHE XLB XLC XLE XLF XLG XLI XLK XLP XLRE XLU XLV XLY XME XMLV XMMO XMPT XOP XPH XRT XSD XSLV XSOE XT XTN
XYLD YANG YCL YCS YINN YOLO ZROZ ZSL
"""
#: Exchange-traded funds and notes by their tickers: those that trade most.
KNOWN_FUNDS = frozenset(_NAMES.split())


def judged_through(sessions: pl.Series) -> pl.Series:
    """Of a market's sessions, ascending, those by whose bars funds are told: all before the newest one's quarter, so
    that an answer holds for a quarter; all there are while those are too few."""
    before = sessions.filter(sessions < sessions[-1:].dt.truncate("1q")[0])
    return before if len(before) > _LEAST else sessions


class Closes(NamedTuple):
    """names : of symbols, ascending. close : float64 ``(names, sessions)``, NaN where a symbol has no bar. dollars :
    mean dollars a session, ``(names,)``."""

    names: list[str]
    close: Floats
    dollars: Floats


def funds_among(
    symbols: pl.Series,
    bars: pl.DataFrame,
    sessions: pl.Series,
    market: pl.DataFrame | None = None,
    longer: Callable[[list[str]], pl.DataFrame] | None = None,
) -> pl.Series:
    """Which of some symbols without a known type are funds, by name or by what their bars show.

    symbols : those that are asked for. bars : of the whole market, symbol, session, close, volume, sorted by symbol
    and session; what is later than a day is not to be among them, and of the newest `QUIET_SESSIONS` none may lack.
    sessions : of the market, ascending. market : session and close of an index, by which correlation is measured;
    None leaves that test out. longer : gives such bars of a few symbols, where `bars` are of the newest
    `FUND_SESSIONS` alone.
    """
    if len(sessions) <= _LEAST:
        return symbols.is_in(list(KNOWN_FUNDS))
    bars = _since(bars, sessions.tail(QUIET_SESSIONS)[0])
    sessions = sessions.tail(FUND_SESSIONS)

    def largest(names: list[str]) -> Floats:
        return _largest_moves(bars if longer is None else longer(names), names)

    index = None if market is None else _closes_of(market, sessions)
    return funds_by_closes(symbols, _closes(bars, sessions), index, largest)


def funds_by_closes(
    symbols: pl.Series, closes: Closes, market: Floats | None, largest: Callable[[list[str]], Floats]
) -> pl.Series:
    """As `funds_among`.

    closes : of the whole market on its newest `FUND_SESSIONS`. market : closes of an index on these, NaN where it has
    none. largest : gives the largest move of each of a few symbols from bar to bar of the newest `QUIET_SESSIONS`, as
    a logarithm without its sign; NaN where there is none.
    """
    found = symbols.is_in(list(KNOWN_FUNDS))
    if closes.close.shape[1] <= _LEAST:
        return found
    names, returns, dollars = _returns(closes)
    asked = np.flatnonzero(pl.Series(names, dtype=pl.String).is_in(symbols.implode()).to_numpy())
    if not len(asked):
        return found
    like_one = returns[asked].std(axis=1) < _QUIET
    like_one[like_one] = largest([names[one] for one in asked[like_one]]) < _JUMP
    z = _standard(returns)
    if market is not None:
        index: Floats = np.diff(np.log(market))
        known = np.isfinite(index)
        if known.sum() >= _LEAST:
            like_one |= _standard(returns[asked][:, known]) @ _standard(index[None, known])[0] > _MARKET
    like_one |= _follows(z, returns.std(axis=1), dollars, asked)
    return found | symbols.is_in(pl.Series(names)[asked].filter(pl.Series(like_one)).implode())


def _since(bars: pl.DataFrame, day: dt.date) -> pl.DataFrame:
    """The bars of a day and later ones. What has no others is not copied."""
    earlier = bars["session"] < day
    return bars.filter(~earlier) if earlier.any() else bars


def _closes(bars: pl.DataFrame, sessions: pl.Series) -> Closes:
    """Of all bars of these sessions."""
    late = _since(bars, sessions[0])
    place = sessions.search_sorted(late["session"]).to_numpy()
    run = late["symbol"].rle_id().to_numpy()
    names = late["symbol"].rle().struct.field("value").to_list()
    close = np.full((len(names), len(sessions)), np.nan)
    close[run, place] = late["close"].to_numpy()
    dollars = np.bincount(run, late["close"].to_numpy() * late["volume"].to_numpy(), len(names)) / len(sessions)
    return Closes(names, close, dollars)


def _returns(closes: Closes) -> tuple[list[str], Floats, Floats]:
    """Symbols that traded on nearly all of these sessions, their log returns (0 where a bar is missing), and mean
    dollars a session."""
    returns = np.diff(np.log(closes.close), axis=1)
    known = np.isfinite(returns)
    usable = (known.sum(axis=1) >= _LEAST) & (closes.dollars >= _TRADED)
    names = [closes.names[one] for one in np.flatnonzero(usable)]
    return names, np.where(known, returns, 0.0)[usable], closes.dollars[usable]


def _closes_of(market: pl.DataFrame, sessions: pl.Series) -> Floats:
    """Of an index, on these sessions; NaN where one is missing."""
    on_sessions = pl.DataFrame({"session": sessions}).join(market, on="session", how="left", maintain_order="left")
    closes: Floats = on_sessions["close"].cast(pl.Float64).to_numpy()
    return closes


def _largest_moves(bars: pl.DataFrame, names: list[str]) -> Floats:
    """As `funds_by_closes` takes them, of these bars."""
    bars = bars.filter(pl.col("symbol").is_in(names))
    same = (bars["symbol"] == bars["symbol"].shift()).fill_null(value=False)
    move = bars.select(pl.when(same).then((pl.col("close") / pl.col("close").shift()).log().abs()).alias("move"))
    most = bars.select("symbol").hstack(move).group_by("symbol").agg(pl.col("move").max())
    asked = pl.DataFrame({"symbol": names}, schema={"symbol": pl.String})
    largest: Floats = asked.join(most, on="symbol", how="left", maintain_order="left")["move"].to_numpy()
    return largest


def _standard(returns: Floats) -> Floats:
    """Each row with mean 0 and length 1, so that products are correlations; nothing where a row stands still."""
    centred = returns - returns.mean(axis=1, keepdims=True)
    length = np.sqrt((centred**2).sum(axis=1, keepdims=True))
    standard: Floats = np.divide(centred, length, out=np.zeros_like(centred), where=length > 0.0)
    return standard


def _follows(z: Floats, deviation: Floats, dollars: Floats, asked: Ints) -> Bools:
    """Which of the asked move at a multiple of another symbol that trades more, or against it."""
    found = np.zeros(len(asked), np.bool_)
    for at in range(0, len(asked), 512):  # products of all with all would take hundreds of megabytes
        some = asked[at : at + 512]
        together = z[some] @ z.T
        # Few pairs are that close.
        one, other = np.nonzero((together > _OTHER) | (together < -_OTHER))
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = together[one, other] * deviation[some][one] / deviation[other]
        larger = dollars[other] > dollars[some][one]
        found[at + one[larger & ((slope > _TIMES) | (slope < _AGAINST))]] = True
    return found
