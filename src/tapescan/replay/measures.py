"""The columns of breadth, each declared once: what is counted of a session, and what is made of the counts over time.

What is counted is a condition in the language of screens, so no count can say something else than what it is computed
by. What is made of counts looks at sessions up to its own and at no later one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from tapescan.core.typing import Floats
from tapescan.replay.series import Series, line, mcclellan, net_of, over, summation, thrust, totals, zweig

__all__ = ["MEASURES", "Measure"]

Kind = Literal["Boolean", "Float64", "Int64"]

#: A year, in sessions.
YEAR = 252


@dataclass(frozen=True)
class Measure:
    """One column.

    unit : ``stocks``, ``ratio`` (1.0 = 100 %), ``points``, ``1``; empty for yes or no. source : who publishes it so.
    condition : of the eligible are counted those for which it is true, in the language of screens. among : the column
    that says how many have a value, without any of whom it is unknown. share : of these, instead of their number.
    weight : the column that is summed up instead of counting. meaning : what the condition does not say.
    needs, over : the columns that it is made of, and how; where there is no condition.
    """

    name: str
    title: str
    unit: str
    group: str
    source: str
    condition: str = ""
    among: str = ""
    share: bool = False
    weight: str = ""
    meaning: str = ""
    needs: tuple[str, ...] = ()
    over: Callable[[Series], Floats] | None = None
    kind: Kind = "Int64"

    @property
    def definition(self) -> str:
        """How it is computed, in one sentence."""
        if self.over is not None:
            return self.meaning
        what = f"with {self.condition}"
        counted = f"{self.weight} of the eligible" if self.weight else "eligible stocks"
        text = f"{counted} {what}"
        if self.share:
            text += f", as a share of {'that of ' if self.weight else ''}those that {self.among} counts"
        return f"{text}; {self.meaning}" if self.meaning else text


_EVERY = "common use"
_STOCKBEE = "Stockbee, How I get the Market Monitor Numbers, 2014"
_MCCLELLAN = "S. and M. McClellan, Patterns for Profit, 1970; ratio-adjusted as by T. McClellan"
_ZWEIG = "M. Zweig, Winning on Wall Street, 1986"
_DIARY = "the market diaries of the exchanges"

#: Who is traded enough to count, in dollars a session.
_TRADED = "sma_20 * volume_sma_20 >= 250000"


def _with(number: int | str, words: str, condition: str) -> Measure:
    return Measure(f"with_{number}", f"stocks with {words}", "stocks", "who has a value", _EVERY, condition)


def _above(number: int, source: str = _EVERY) -> Measure:
    title = f"share above the {number}-session average"
    condition, among = f"close > sma_{number}", f"with_sma_{number}"
    return Measure(
        f"above_{number}", title, "ratio", "averages", source, condition, among, share=True, kind="Float64"
    )


def _extreme(number: int, words: str, source: str) -> tuple[Measure, ...]:
    """New highs and lows of a number of sessions, and their difference."""
    highs, lows, among = f"new_highs_{number}", f"new_lows_{number}", f"with_{number}"
    high, low = f"donchian_{number - 1}_upper[1]", f"donchian_{number - 1}_lower[1]"
    told = f"above the highest high of the {number - 1} sessions before"
    return (
        _with(number, f"{number} sessions of bars", f"{high} IS NOT NULL"),
        Measure(
            highs, f"new {words} highs", "stocks", "highs and lows", source, f"high > {high}", among, meaning=told
        ),
        Measure(
            lows,
            f"new {words} lows",
            "stocks",
            "highs and lows",
            source,
            f"low < {low}",
            among,
            meaning=told.replace("above the highest high", "below the lowest low"),
        ),
        Measure(
            f"net_highs_{number}",
            f"net new {words} highs",
            "stocks",
            "highs and lows",
            source,
            meaning=f"{highs} - {lows}",
            needs=(highs, lows),
            over=net_of(highs, lows),
        ),
    )


def _moved(name: str, title: str, condition: str, among: str, meaning: str = "") -> Measure:
    return Measure(name, title, "stocks", "large moves", _STOCKBEE, condition, among, meaning=meaning)


def _made(
    name: str,
    title: str,
    unit: str,
    source: str,
    meaning: str,
    needs: tuple[str, ...],
    over: Callable[[Series], Floats],
) -> Measure:
    return Measure(
        name,
        title,
        unit,
        "advances and declines",
        source,
        meaning=meaning,
        needs=needs,
        over=over,
        kind="Float64",
    )


_MOVES = ("advances", "declines")

#: All columns beside `session`, `symbols` and `eligible`, in the order of the table; each after what it is made of.
MEASURES: tuple[Measure, ...] = (
    *(_with(f"sma_{one}", f"a {one}-session average", f"sma_{one} IS NOT NULL") for one in (20, 40, 50, 200)),
    *(_above(one) for one in (20, 50, 200)),
    _above(40, "Worden's T2108, in Stockbee's Market Monitor"),
    Measure(
        "number_above_40",
        "stocks above the 40-session average",
        "stocks",
        "averages",
        "Worden's T2108, in Stockbee's Market Monitor",
        "close > sma_40",
        "with_sma_40",
    ),
    *_extreme(YEAR, "52-week", _DIARY),
    *_extreme(20, "20-session", _EVERY),
    _with("return", "a bar before", "ret_1 IS NOT NULL"),
    *(
        Measure(name, name, "stocks", "advances and declines", _DIARY, f"ret_1 {sign} 0", "with_return")
        for name, sign in (("advances", ">"), ("declines", "<"), ("unchanged", "="))
    ),
    _made(
        "advance_decline_ratio",
        "advances to declines",
        "1",
        _DIARY,
        "advances / declines",
        _MOVES,
        lambda of: over(of["advances"], of["declines"]),
    ),
    replace(
        _made(
            "advance_decline_line",
            "advance-decline line",
            "stocks",
            "L. Ayres, 1926; R. Russell",
            "the sum of advances - declines of all sessions since the store's first; its level says nothing",
            _MOVES,
            line,
        ),
        kind="Int64",
    ),
    _made(
        "mcclellan",
        "McClellan oscillator",
        "points",
        _MCCLELLAN,
        "of 1000 * (advances - declines) / (advances + declines) the exponential averages with 10 % and with 5 % of "
        "the newest value (of 19 and 39 sessions), the former less the latter; unknown in the first 38 sessions",
        _MOVES,
        mcclellan,
    ),
    _made(
        "summation",
        "McClellan summation index",
        "points",
        f"{_MCCLELLAN}; J. Miekka's formula",
        "the oscillator, less 10 times its average with 10 %, and 20 times that with 5 %: the running total of the "
        "oscillator, 0 being neutral",
        _MOVES,
        summation,
    ),
    *(
        Measure(
            f"{name}_volume",
            f"share of the volume that {word}",
            "ratio",
            "advances and declines",
            _DIARY,
            f"ret_1 {sign} 0",
            "with_return",
            share=True,
            weight="volume",
            kind="Float64",
        )
        for name, word, sign in (("up", "advances", ">"), ("down", "declines", "<"))
    ),
    _made(
        "zweig",
        "Zweig's average of advances",
        "ratio",
        _ZWEIG,
        "the exponential average of 10 sessions of advances / (advances + declines)",
        _MOVES,
        zweig,
    ),
    replace(
        _made(
            "zweig_thrust",
            "Zweig's breadth thrust",
            "",
            _ZWEIG,
            "whether zweig rises above 0.615 on this session and was below 0.4 on one of the 10 before",
            ("zweig",),
            thrust,
        ),
        kind="Boolean",
    ),
    _moved(
        "up_4",
        "up 4 % on volume",
        "ret_1 >= 0.04 AND volume > volume[1] AND volume >= 100000",
        "with_return",
        "volume[1] is that of the bar before",
    ),
    _moved(
        "down_4",
        "down 4 % on volume",
        "ret_1 <= -0.04 AND volume > volume[1] AND volume >= 100000",
        "with_return",
        "volume[1] is that of the bar before",
    ),
    *(
        replace(
            _made(
                f"ratio_{one}",
                f"{one}-session ratio of up 4 % to down 4 %",
                "1",
                _STOCKBEE,
                f"the sum of up_4 over {one} sessions / that of down_4",
                ("up_4", "down_4"),
                totals(one),
            ),
            group="large moves",
        )
        for one in (5, 10)
    ),
    _with(65, "65 sessions of bars", "lowest_65 IS NOT NULL"),
    _moved(
        "up_25_quarter",
        "up 25 % in a quarter",
        f"(close + 0.01) / (lowest_65 + 0.01) >= 1.25 AND {_TRADED}",
        "with_65",
        "from the lowest close of 65 sessions",
    ),
    _moved(
        "down_25_quarter",
        "down 25 % in a quarter",
        f"(close + 0.01) / (highest_65 + 0.01) <= 0.75 AND {_TRADED}",
        "with_65",
        "from the highest close of 65 sessions",
    ),
    _with("month", "a close 20 bars ago", "ret_20 IS NOT NULL"),
    *(
        _moved(
            f"{way}_{least}_month",
            f"{way} {least} % in a month",
            f"ret_20 {sign} {number:g} AND close[20] >= 5 AND {_TRADED}",
            "with_month",
        )
        for least in (25, 50)
        for way, sign, number in (("up", ">=", least / 100), ("down", "<=", -least / 100))
    ),
    _with(34, "34 sessions of bars", "lowest_34 IS NOT NULL"),
    _moved(
        "up_13_34",
        "up 13 % in 34 sessions",
        f"(close + 0.01) / (lowest_34 + 0.01) >= 1.13 AND {_TRADED}",
        "with_34",
        "from the lowest close of 34 sessions",
    ),
    _moved(
        "down_13_34",
        "down 13 % in 34 sessions",
        f"(close + 0.01) / (highest_34 + 0.01) <= 0.87 AND {_TRADED}",
        "with_34",
        "from the highest close of 34 sessions",
    ),
)
