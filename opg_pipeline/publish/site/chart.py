"""A measure's line as SVG: value, spread, gaps, provisional parts, breaks, and the coverage below. Colours are style.css's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from lxml.builder import ElementMaker

from opg_pipeline.publish.site.words import Language, number, period, say

SVG: Any = ElementMaker(namespace="http://www.w3.org/2000/svg", nsmap={None: "http://www.w3.org/2000/svg"})
WIDTH, HEIGHT = 720, 270
_LEFT, _RIGHT, _TOP, _BOTTOM = 78, 10, 12, 222
_STRIP, _MARKS = 244, 262
"""Where the strip of coverage ends and the marks of caveats stand, from the top."""
_TICKS = 4
_LABELS = 5


@dataclass(frozen=True, slots=True)
class Point:
    """One period of a series. ``value`` is None where the number is hidden; ``low`` and ``high`` are p10 and p90, where there are."""

    start: date
    end: date
    value: float | None
    low: float | None
    high: float | None
    coverage: float
    provisional: bool
    broken: bool
    careful: bool


def chart(
    points: Sequence[Point], name: str, grain: str, language: Language, *, share: bool, from_zero: bool, ident: str
) -> Any:
    """An `svg` element with a title and a description in words.

    Args:
        points: at least one, in order of time; what lies between two that do not touch is a gap.
        from_zero: whether the axis begins at zero, as it must where lengths are compared.
        ident: unique on the page.
    """
    shown = [point for point in points if point.value is not None]
    title, text = (
        SVG.title(name, id=f"{ident}-title"),
        SVG.desc(_described(points, shown, name, grain, language, share=share), id=f"{ident}-desc"),
    )
    svg = SVG.svg(
        title, text, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", **{"aria-labelledby": f"{ident}-title {ident}-desc"}
    )
    first, last = points[0].start, points[-1].end
    days = max(1, (last - first).days + 1)

    def x(point: Point) -> float:
        middle = (point.start - first).days + ((point.end - point.start).days + 1) / 2
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * middle / days, 1)

    if shown:
        ticks = _ticks(shown, from_zero)

        def y(value: float) -> float:
            span = ticks[-1] - ticks[0]
            return round(_BOTTOM - (_BOTTOM - _TOP) * (value - ticks[0]) / span, 1)

        for tick in ticks:
            svg.append(SVG.line(x1=str(_LEFT), x2=str(WIDTH - _RIGHT), y1=str(y(tick)), y2=str(y(tick)), **{"class": "grid"}))  # fmt: skip
            svg.append(SVG.text(_tick(tick, ticks, language, share), x=str(_LEFT - 8), y=str(y(tick) + 4), **{"text-anchor": "end"}))  # fmt: skip
        for run in _runs(points):
            banded = [(x(point), y(point.low), y(point.high)) for point in run if point.low is not None and point.high is not None]  # fmt: skip
            if len(banded) > 1:
                outline = [(at, high) for at, _, high in banded] + [(at, low) for at, low, _ in reversed(banded)]
                svg.append(SVG.polygon(points=_joined(outline), **{"class": "band"}))
            places = [(x(point), y(point.value or 0.0)) for point in run]
            for one, two, end in zip(places, places[1:], run[1:], strict=False):
                kind = "line provisional" if end.provisional else "line"
                svg.append(SVG.polyline(points=_joined([one, two]), **{"class": kind}))
            if len(run) == 1 or len(points) <= 40:
                svg.extend(SVG.circle(cx=str(at), cy=str(up), r="3", **{"class": "dot"}) for at, up in places)
    _below(svg, points, x, grain, language)
    return svg


def _below(svg: Any, points: Sequence[Point], x: Any, grain: str, language: Language) -> None:
    """Breaks, coverage, caveats and the names of some periods."""
    width = max(1.5, (WIDTH - _LEFT - _RIGHT) / len(points) - 1)
    for point in points:
        at = x(point)
        if point.broken:
            left = str(round(at - width / 2, 1))
            svg.append(SVG.line(x1=left, x2=left, y1=str(_TOP), y2=str(_STRIP), **{"class": "break"}))
        tall = round(10 * min(1.0, max(0.0, point.coverage)), 1)
        left = str(round(at - width / 2, 1))
        svg.append(SVG.rect(x=left, y=str(_STRIP - 10), width=str(round(width, 1)), height="10", **{"class": "none"}))
        if tall:
            svg.append(SVG.rect(x=left, y=str(_STRIP - tall), width=str(round(width, 1)), height=str(tall), **{"class": "some"}))  # fmt: skip
        if point.careful:
            svg.append(SVG.path(d=f"M{at} {_STRIP + 2}l4 7h-8z", **{"class": "mark"}))
    step = max(1, math.ceil((len(points) - 1) / (_LABELS - 1))) if len(points) > 1 else 1
    for place in range(0, len(points), step):
        anchor = "start" if place == 0 else "end" if place == len(points) - 1 else "middle"
        label = period(points[place].start, grain, language)
        svg.append(SVG.text(label, x=str(x(points[place])), y=str(_MARKS + 6), **{"text-anchor": anchor}))


def _runs(points: Sequence[Point]) -> list[list[Point]]:
    """Shown points that follow each other without a gap; a break ends a run too."""
    runs: list[list[Point]] = []
    former: Point | None = None
    for point in points:
        if point.value is not None:
            touches = former is not None and former.value is not None and former.end + timedelta(days=1) == point.start
            if touches and not point.broken:
                runs[-1].append(point)
            else:
                runs.append([point])
        former = point
    return runs


def _ticks(shown: Sequence[Point], from_zero: bool) -> list[float]:
    values = [value for point in shown for value in (point.value, point.low, point.high) if value is not None]
    low, high = min(values), max(values)
    if from_zero:
        low, high = min(0.0, low), max(0.0, high)
    if low == high:
        low, high = low - abs(low or 1) * 0.1, high + abs(high or 1) * 0.1
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size * power for size in (1, 2, 2.5, 5, 10) if size * power >= rough * 0.999)
    start = math.floor(low / step + 1e-9)
    return [step * place for place in range(start, math.ceil(high / step - 1e-9) + 1)]


def _tick(tick: float, ticks: Sequence[float], language: Language, share: bool) -> str:
    step = (ticks[1] - ticks[0]) * (100 if share else 1)
    return number(tick, language, share=share, places=max(0, min(6, 1 - math.floor(math.log10(step)))))


def _joined(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{at},{up}" for at, up in places)


def _described(
    points: Sequence[Point], shown: Sequence[Point], name: str, grain: str, language: Language, *, share: bool
) -> str:
    if not shown:
        return say("chart_empty", language, name=name)
    values = [point.value for point in shown if point.value is not None]
    low, high, newest = (number(value, language, share=share) for value in (min(values), max(values), values[-1]))
    first, last, when = (period(point.start, grain, language) for point in (points[0], points[-1], shown[-1]))
    return say(
        "chart", language, name=name, n=len(points), first=first, last=last, value=newest, when=when, low=low, high=high
    )
