"""The pages of the open data: an index, one page per measure and one of the apps, in each language. Elements escape what they are given."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any

import lxml.html
from lxml.html import builder as H

from opg_pipeline.model.catalog import Catalog
from opg_pipeline.model.category import Category, Measure
from opg_pipeline.model.city import LICENSES, City
from opg_pipeline.publish.site.chart import Point, chart
from opg_pipeline.publish.site.words import LANGUAGES, NAMES, SHORT, Language, caveat, number, period, say, told

Row = Mapping[str, Any]
_PERIODS, _SERIES, _TABLE = 400, 8, 36
"""At most so many periods of a chart, series of a page and rows of a table; all are in the CSV."""


@dataclass(frozen=True)
class Site:
    """What the pages are made of. ``rows``: mart.measure by (category, measure), in order of breakdown, period and region;
    ``apps``: mart.app_scorecard."""

    catalog: Catalog
    rows: Mapping[tuple[str, str], Sequence[Row]]
    apps: Sequence[Row]
    as_of: datetime

    @cached_property
    def cities(self) -> list[City]:
        return [entry.city for _, entry in sorted(self.catalog.cities.items())]

    @cached_property
    def categories(self) -> list[Category]:
        return sorted(self.catalog.used_categories, key=lambda item: item.id)

    def of(self, category: Category, measure: Measure) -> Sequence[Row]:
        return self.rows.get((category.id, measure.id), [])


def write_site(
    folder: Path, catalog: Catalog, rows: Mapping[tuple[str, str], Sequence[Row]], apps: Sequence[Row], as_of: datetime
) -> None:
    """Write `index.html`, `style.css` and the folders `id` and `en` beside the open-data files in ``folder``."""
    site = Site(catalog, rows, apps, as_of)
    (folder / "style.css").write_bytes(files(__package__).joinpath("style.css").read_bytes())
    for language in LANGUAGES:
        below = folder / language
        below.mkdir()
        _write(below / "index.html", _index(site, language))
        _write(below / "apps.html", _apps(site, language))
        for category in site.categories:
            (below / category.id).mkdir()
            for measure in category.measures:
                _write(below / category.id / f"{measure.id}.html", _measure(site, category, measure, language))
    _write(folder / "index.html", _door(site))


def _write(path: Path, page: Any) -> None:
    path.write_bytes(b"<!doctype html>\n" + lxml.html.tostring(page, encoding="utf-8") + b"\n")


# -- the frame of every page -------------------------------------------------------------------------------------------


def _frame(site: Site, language: Language, title: str, depth: int, path: str, *body: Any) -> Any:
    """A page. ``depth``: folders below the export; ``path``: the page below the folder of its language."""
    up, city = "../" * depth, " & ".join(told(item.label, language) for item in site.cities)
    others = [other for other in LANGUAGES if other != language]
    switch = [H.A(NAMES[other], href=f"{up}{other}/{path}", hreflang=other, lang=other) for other in others]
    head = H.HEAD(
        H.META(charset="utf-8"), H.META(name="viewport", content="width=device-width, initial-scale=1"),
        H.TITLE(f"{title} | {say('title', language, city=city)}"), H.LINK(rel="stylesheet", href=f"{up}style.css"),
        *(H.LINK(rel="alternate", hreflang=other, href=f"{up}{other}/{path}") for other in others),
    )  # fmt: skip
    home = H.A(say("title", language, city=city), href=f"{up}{language}/index.html")
    links = H.E.nav(*_apart(H.A(say("health", language), href=f"{up}{language}/apps.html"), *switch), **{"aria-label": say("home", language)})  # fmt: skip
    main = H.E.main(H.H1(title), *body, id="main")
    return H.HTML(
        head,
        H.BODY(H.A(say("skip", language), H.CLASS("skip"), href="#main"), H.E.header(home, links), main, _foot(site, language)),
        lang=language,
    )  # fmt: skip


def _apart(*elements: Any) -> list[Any]:
    return [part for element in elements for part in (element, " ")]


def _foot(site: Site, language: Language) -> Any:
    named = sorted({city.license for city in site.cities if city.license is not None})
    licences = [H.A(name, href=LICENSES[name], rel="license") for name in named] or [say("no_licence", language)]
    made = say("made", language, at=f"{site.as_of:%Y-%m-%d %H:%M}")
    return H.E.footer(H.P(made, " ", say("licence", language), ": ", *_apart(*licences)))


def _door(site: Site) -> Any:
    """The page that a folder opens with: a choice of language."""
    titles = {
        language: say("title", language, city=" & ".join(told(city.label, language) for city in site.cities))
        for language in LANGUAGES
    }
    links = [H.P(H.A(titles[language], href=f"{language}/index.html", hreflang=language, lang=language), H.CLASS("lead")) for language in LANGUAGES]  # fmt: skip
    head = H.HEAD(
        H.META(charset="utf-8"), H.META(name="viewport", content="width=device-width, initial-scale=1"),
        H.TITLE(titles["id"]), H.LINK(rel="stylesheet", href="style.css"),
    )  # fmt: skip
    return H.HTML(head, H.BODY(H.E.main(H.H1(titles["id"]), *links)), lang="id")


def _table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[Any]], numeric: Sequence[int]) -> Any:
    """A table that scrolls by itself, below a heading that says what its caption says. The first cell of a row names it; columns in
    ``numeric`` are set to the right; columns without content are left out."""
    body = []
    kept = [place for place in range(len(heads)) if not place or any(row[place] != "" for row in rows)]
    heads, rows = [heads[place] for place in kept], [[row[place] for place in kept] for row in rows]
    numeric = [kept.index(place) for place in numeric if place in kept]
    for row in rows:
        cells = [H.TH(row[0], scope="row")]
        cells += [
            H.TD(cell, H.CLASS("n")) if place in numeric else H.TD(cell) for place, cell in enumerate(row) if place
        ]
        body.append(H.TR(*cells))
    head = H.THEAD(H.TR(*(H.TH(text, scope="col") for text in heads)))
    table = H.TABLE(H.CAPTION(caption, H.CLASS("unseen")), head, H.TBODY(*body))
    return H.DIV(table, H.CLASS("scroll"), tabindex="0", role="region", **{"aria-label": caption})


# -- the index and the apps --------------------------------------------------------------------------------------------


def _index(site: Site, language: Language) -> Any:
    body: list[Any] = [H.P(say("lead", language), H.CLASS("lead"))]
    heads = [say(key, language) for key in ("measure", "newest", "value", "records", "coverage")]
    for category in site.categories:
        body.append(H.H2(told(category.label, language)))
        rows = []
        for measure in category.measures:
            link = H.A(told(measure.label, language), href=f"{category.id}/{measure.id}.html")
            row = _closed(site.of(category, measure))
            if row is None or measure.by:
                rows.append([link, say("none", language) if row is None else period(row["period_start"], row["period_grain"], language), "", "", ""])  # fmt: skip
                continue
            when = period(row["period_start"], row["period_grain"], language)
            rows.append([link, when, _value(row, measure, language), _count(row, language), _coverage(row, language)])
        body.append(_table(told(category.label, language), heads, rows, (2, 3)))
    city = " & ".join(told(item.label, language) for item in site.cities)
    return _frame(site, language, say("title", language, city=city), 1, "index.html", *body)


def _apps(site: Site, language: Language) -> Any:
    heads = {
        "id": ("Aplikasi", "Perangkat daerah", "Tarikan terakhir", "Pasokan baik terakhir (UTC)", "Rekaman", "Antarmuka asli"),
        "en": ("App", "Agency", "Last pull", "Last good delivery (UTC)", "Records", "Real interface"),
    }[language]  # fmt: skip
    rows = [
        [
            app["name"], app["agency_name"], (app["last_outcome"] or "").replace("_", " "),
            f"{app['last_good_at']:%Y-%m-%d %H:%M}" if app["last_good_at"] else say("nothing", language),
            number(app["records_core"], language, places=0), app["interface"],
        ]
        for app in sorted(site.apps, key=lambda item: (not item["overdue"], str(item["name"])))
    ]  # fmt: skip
    return _frame(
        site, language, say("health", language), 1, "apps.html", _table(say("health", language), heads, rows, (4,))
    )


# -- a measure ---------------------------------------------------------------------------------------------------------


def _measure(site: Site, category: Category, measure: Measure, language: Language) -> Any:
    rows = site.of(category, measure)
    whole = [row for row in rows if row["region_level"] == "regency"]
    series = [(name, list(found)) for name, found in groupby(whole, key=lambda row: str(row["breakdown"]))]
    series.sort(key=lambda item: -sum(row["n"] or 0 for row in item[1]))
    body: list[Any] = [_now(whole, measure, language)] if whole and not measure.by else []
    if not series:
        body.append(H.P(say("none", language), H.CLASS("lead")))
    for place, (name, found) in enumerate(series[:_SERIES]):
        body += _series(found, measure, name or told(measure.label, language), language, f"c{place}")
    if len(series) > _SERIES:
        body.append(H.P(say("more", language, n=len(series) - _SERIES)))
    if series:
        body.append(_how(language))
    if not measure.by:
        body += _districts(rows, measure, language)
    body += [*_words(whole, measure, language), *_down(category, measure, language)]
    path = f"{category.id}/{measure.id}.html"
    return _frame(site, language, told(measure.label, language), 2, path, *body)


def _now(whole: Sequence[Row], measure: Measure, language: Language) -> Any:
    """The newest closed period, with what it rests on."""
    row = _closed(whole)
    assert row is not None
    parts = (
        ("period", period(row["period_start"], row["period_grain"], language)), ("records", _count(row, language)),
        ("coverage", _coverage(row, language)), ("spread", _spread(row, language)), ("caveats", _caveats(row, language)),
    )  # fmt: skip
    shown = [H.DIV(H.DT(say("value", language)), H.DD(_value(row, measure, language)), H.CLASS("big"))]
    shown += [H.DIV(H.DT(say(key, language)), H.DD(text)) for key, text in parts if text]
    return H.DL(H.CLASS("now"), *shown)


def _series(found: Sequence[Row], measure: Measure, name: str, language: Language, ident: str) -> list[Any]:
    """A chart and the table behind it."""
    share, grain = measure.aggregation == "share", found[0]["period_grain"]
    newest = found[-_PERIODS:]
    drawn = chart(
        [_point(row, measure) for row in newest], name, grain, language, share=share,
        from_zero=measure.aggregation in {"count", "sum", "share"}, ident=ident,
    )  # fmt: skip
    heads = [say(key, language) for key in ("period", "value", "records", "spread", "coverage", "caveats")]
    rows = [
        [
            period(row["period_start"], grain, language), _value(row, measure, language), _count(row, language),
            _spread(row, language), _coverage(row, language), _caveats(row, language),
        ]
        for row in reversed(found[-_TABLE:])
    ]  # fmt: skip
    caption = f"{name}, {found[-1]['unit']}"
    table = H.E.details(H.E.summary(say("table", language)), _table(caption, heads, rows, (1, 2, 3)))
    if len(found) > _TABLE:
        table.append(H.P(say("newest_rows", language, n=_TABLE), H.CLASS("quiet")))
    title = [H.H2(name)] if measure.by else []
    return [*title, H.E.figure(drawn, H.E.figcaption(caption)), table]


def _point(row: Row, measure: Measure) -> Point:
    names = _names(row)
    spread = measure.aggregation in {"mean", "median"}
    return Point(
        row["period_start"], row["period_end"], row["value"], row["p10"] if spread else None, row["p90"] if spread else None,
        row["apps_reporting"] / row["apps_expected"] if row["apps_expected"] else 0.0,
        "PROVISIONAL" in names, "BREAK_IN_SERIES" in names, bool(set(names) - {"PROVISIONAL", "BREAK_IN_SERIES"}),
    )  # fmt: skip


def _how(language: Language) -> Any:
    lines = [H.LI(say(key, language)) for key in ("how_line", "how_band", "how_strip", "how_hidden")]
    return H.E.details(H.E.summary(say("how", language)), H.UL(H.CLASS("plain"), *lines))


def _districts(rows: Sequence[Row], measure: Measure, language: Language) -> list[Any]:
    row = _closed([row for row in rows if row["region_level"] == "regency"])
    found = [item for item in rows if row is not None and item["region_level"] == "district" and item["period_start"] == row["period_start"]]  # fmt: skip
    if row is None or not found:
        return []
    heads = [say(key, language) for key in ("district", "value", "records", "spread", "caveats")]
    cells = [
        [item["region_name"], _value(item, measure, language), _count(item, language), _spread(item, language), _caveats(item, language)]
        for item in sorted(found, key=lambda item: str(item["region_name"]))
    ]  # fmt: skip
    title = say("districts", language, period=period(row["period_start"], row["period_grain"], language))
    return [H.H2(title), _table(title, heads, cells, (1, 2, 3))]


def _words(whole: Sequence[Row], measure: Measure, language: Language) -> list[Any]:
    """The definition, which is written in English, and what the caveats mean."""
    english = {} if language == "en" else {"lang": "en"}
    parts = [("concept", measure.concept), ("definition", measure.definition), ("interpretation", measure.interpretation), ("not_counted", measure.not_counted)]  # fmt: skip
    listed: list[Any] = []
    for key, text in parts:
        listed += [H.DT(say(key, language)), H.DD(text, **english)]
    listed += [H.DT(say("unit", language)), H.DD(measure.unit), H.DT(say("steward", language)), H.DD(measure.steward)]
    listed += [H.DT(say("review", language)), H.DD(f"{measure.review:%Y-%m-%d}")]
    found = [H.H2(say("meaning", language)), H.DL(H.CLASS("about"), *listed)]
    if language == "id":
        found.insert(1, H.P(say("english_only", language), H.CLASS("quiet")))
    names = sorted({name for row in whole for name in _names(row)})
    if names:
        found += [
            H.H2(say("caveats", language)),
            H.UL(
                H.CLASS("plain"),
                *(H.LI(H.B(told(SHORT[name], language)), ": ", caveat(name, language)) for name in names),
            ),
        ]
    return found


def _down(category: Category, measure: Measure, language: Language) -> list[Any]:
    base = f"../../{category.id}/{measure.id}"
    links = [H.A("CSV", href=f"{base}.csv"), H.A("Parquet", href=f"{base}.parquet"), H.A(say("method", language), href=f"{base}.md")]  # fmt: skip
    command = f"opg trace {category.id}.{measure.id} --period 2026-01 --region 35.22.01"
    return [
        H.H2(say("downloads", language)), H.P(*_apart(*links)),
        H.H2(say("down", language)), H.P(say("down_text", language), " ", H.CODE(command)),
    ]  # fmt: skip


# -- cells -------------------------------------------------------------------------------------------------------------


def _closed(rows: Sequence[Row]) -> Row | None:
    """The city's newest period that is not provisional, or the newest."""
    whole = [row for row in rows if row["region_level"] == "regency"]
    closed = [row for row in whole if "PROVISIONAL" not in _names(row)]
    return max(closed or whole, key=lambda row: row["period_start"], default=None)


def _names(row: Row) -> list[str]:
    names: list[str] = json.loads(row["caveats"])
    return names


def _value(row: Row, measure: Measure, language: Language) -> str:
    if row["suppressed"] or row["value"] is None:
        return say("hidden", language)
    if measure.aggregation == "share":
        return number(row["value"], language, share=True)
    return f"{number(row['value'], language)} {row['unit']}"


def _count(row: Row, language: Language) -> str:
    return say("hidden", language) if row["n"] is None else number(row["n"], language, places=0)


def _spread(row: Row, language: Language) -> str:
    if row["p10"] is None or row["p90"] is None:
        return ""
    return say("range", language, low=number(row["p10"], language), high=number(row["p90"], language))


def _coverage(row: Row, language: Language) -> str:
    return say("of", language, n=row["apps_reporting"], all=row["apps_expected"])


def _caveats(row: Row, language: Language) -> str:
    return ", ".join(told(SHORT[name], language) for name in _names(row)) or say("nothing", language)
