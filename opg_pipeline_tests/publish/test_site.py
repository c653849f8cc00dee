"""The pages say what mart.measure says, in both languages, lead nowhere but to their own files, and run nothing that data holds."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import lxml.html
import pytest

from opg_pipeline.publish import export_open_data, rebuild_measures
from opg_pipeline.publish.measures import CAVEATS
from opg_pipeline.publish.site.chart import Point, chart
from opg_pipeline.publish.site.words import LANGUAGES, SHORT, WORDS, Language, number, period

from .test_open_data import DECLARED, fill
from .world import AS_OF, D1, D2, World, app, catalog, category, measure

NASTY = "<script>alert(1)</script>"
MARCH = date(2026, 3, 1)


@pytest.fixture
def site(duck: World, tmp_path: Path) -> Path:
    fill(duck)
    target = tmp_path / "out"
    export_open_data(duck.engine, DECLARED, target, as_of=AS_OF)
    return target


def pages(site: Path) -> list[Path]:
    return sorted(site.resolve().rglob("*.html"))


def read(path: Path) -> lxml.html.HtmlElement:
    return lxml.html.document_fromstring(path.read_text(encoding="utf-8"))


def words(element: lxml.html.HtmlElement) -> str:
    return re.sub(r"\s+", " ", element.text_content())


def test_every_page_is_there_in_each_language(site: Path) -> None:
    names = {str(path.relative_to(site.resolve())) for path in pages(site)}
    below = {"index.html", "apps.html", "visit/visits.html", "visit/debt.html"}
    assert names == {"index.html", *(f"{language}/{name}" for language in LANGUAGES for name in below)}


def test_links_lead_to_files_and_nothing_comes_from_another_host(site: Path) -> None:
    for path in pages(site):
        text = path.read_text(encoding="utf-8")
        assert "<script" not in text
        page = read(path)
        for element in page.xpath("//*[@href or @src]"):
            target = element.get("href") or element.get("src")
            if target.startswith("http"):
                assert element.tag == "a", "a page may name another host, never load from it"
                assert element.get("rel") == "license"
            elif target.startswith("#"):
                assert page.get_element_by_id(target[1:]) is not None
            else:
                assert (path.parent / target).is_file(), (path, target)


def test_they_can_be_read_by_ear_and_keyboard(site: Path) -> None:
    for path in pages(site):
        page = read(path)
        assert page.get("lang") == (
            path.parent.name
            if path.parent.name in LANGUAGES
            else path.parent.parent.name
            if path.parent.parent.name in LANGUAGES
            else "id"
        )
        assert len(page.xpath("//h1")) == 1
        levels = [int(element.tag[1]) for element in page.xpath("//h1|//h2|//h3")]
        assert all(after - before <= 1 for before, after in pairwise(levels))
        assert page.xpath("//meta[@name='viewport']")
        idents = page.xpath("//@id")
        assert len(idents) == len(set(idents))
        for table in page.xpath("//table"):
            assert words(table.find("caption"))
            assert all(head.get("scope") == "col" for head in table.xpath("./thead//th"))
            assert all(head.get("scope") == "row" for head in table.xpath("./tbody//th"))
        for svg in page.xpath("//*[local-name()='svg']"):
            assert svg.get("role") == "img"
            told = [page.get_element_by_id(ident).text for ident in svg.get("aria-labelledby").split()]
            assert all(told)


def test_numbers_are_those_of_the_mart_and_hidden_ones_are_said_to_be(site: Path, duck: World) -> None:
    with duck.engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "select region_name, value, n, suppressed, region_level, caveats from mart.measure where measure_id = 'visits'"
        ).fetchall()
    assert {row.suppressed for row in rows} == {True, False}
    for language in LANGUAGES:
        page = read(site / language / "visit" / "visits.html")
        cells = {words(row[0]): [words(cell) for cell in row[1:]] for row in page.xpath("//table/tbody/tr")}
        for row in rows:
            if row.region_level == "district":
                shown = cells[row.region_name]
                if row.suppressed:
                    assert shown[0] == shown[1] == WORDS["hidden"].model_dump()[language]
                else:
                    assert shown[0] == f"{number(row.value, language)} units"
                    assert shown[1] == number(row.n, language, places=0)
            else:
                assert f"{number(row.value, language)} units" in words(page.xpath("//dl[@class='now']")[0])
                for name in json.loads(row.caveats):
                    assert SHORT[name].model_dump()[language] in words(page.xpath("//dl[@class='now']")[0])


def test_what_data_holds_is_text(duck: World, tmp_path: Path) -> None:
    declared = catalog([category(measure("visits", "count", unit=NASTY, by=("note",)))], [app("one")])
    duck.build("visit")
    duck.crowd(D1, 6, note=NASTY)
    duck.crowd(D2, 6, note='" onload=alert(1) x="')
    duck.fresh("one")
    with duck.engine.begin() as connection:
        rebuild_measures(connection, declared, as_of=AS_OF)
    export_open_data(duck.engine, declared, tmp_path / "out", as_of=AS_OF)
    page = read(tmp_path / "out" / "en" / "visit" / "visits.html")
    assert page.xpath("//script") == []
    assert page.xpath("//*[@onload]") == []
    assert NASTY in words(page)
    assert len(page.xpath("//figure")) == 2, "a chart for each of what the measure is broken down by"


def test_every_caveat_and_word_is_said_in_both_languages() -> None:
    assert SHORT.keys() == CAVEATS.keys()
    assert all(label.id and (label.en or key == "english_only") for key, label in WORDS.items())
    for label in WORDS.values():
        if label.en:
            assert sorted(re.findall(r"\{\w+\}", label.en)) == sorted(re.findall(r"\{\w+\}", label.id))


@pytest.mark.parametrize(
    ("value", "share", "places", "english", "indonesian"),
    [
        (1234567.0, False, None, "1,234,567", "1.234.567"), (1234.5, False, None, "1,234", "1.234"), (123.45, False, None, "123.5", "123,5"),
        (12.345, False, None, "12.35", "12,35"), (12.0, False, None, "12", "12"), (0.0, False, None, "0", "0"), (-1234.0, False, None, "-1,234", "-1.234"),
        (0.256, True, None, "25.6%", "25,6 %"), (1.0, True, None, "100%", "100 %"), (1500.0, False, 0, "1,500", "1.500"), (100.0, False, 0, "100", "100"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_the_language_does(
    value: float, share: bool, places: int | None, english: str, indonesian: str
) -> None:
    assert number(value, "en", share=share, places=places) == english
    assert number(value, "id", share=share, places=places) == indonesian


@pytest.mark.parametrize(
    ("grain", "english", "indonesian"),
    [
        ("day", "1 Aug 2026", "1 Agu 2026"), ("month", "Aug 2026", "Agu 2026"), ("quarter", "Q3 2026", "Triwulan 3 2026"), ("year", "2026", "2026"),
    ],
)  # fmt: skip
def test_periods_are_written_as_the_language_does(grain: str, english: str, indonesian: str) -> None:
    assert (period(date(2026, 8, 1), grain, "en"), period(date(2026, 8, 1), grain, "id")) == (english, indonesian)


# -- the chart ---------------------------------------------------------------------------------------------------------


def points(*values: float | None, gap_after: int | None = None, **marks: int) -> list[Point]:
    """A point a day; ``provisional``, ``broken`` and ``careful`` name the day they mark."""
    made = []
    for place, value in enumerate(values):
        day = MARCH + timedelta(place + (gap_after is not None and place > gap_after))
        at = {name: marks.get(name) == place for name in ("provisional", "broken", "careful")}
        made.append(Point(day, day, value, None, None, 1.0, **at))
    return made


def drawn(found: list[Point], language: Language = "en", **more: bool) -> tuple[object, dict[str, int]]:
    svg = chart(
        found,
        "Visits",
        "day",
        language,
        share=more.get("share", False),
        from_zero=more.get("from_zero", True),
        ident="c",
    )
    kinds: dict[str, int] = {}
    for element in svg.iter():
        if isinstance(element.tag, str) and element.get("class"):
            kinds[element.get("class")] = kinds.get(element.get("class"), 0) + 1
    return svg, kinds


@pytest.mark.parametrize(
    ("found", "lines"),
    [
        (points(1, 2, 3, 4), 3), (points(1, 2, None, 4, 5), 2), (points(1, 2, 3, 4, gap_after=1), 2), (points(1, 2, 3, 4, broken=2), 2), (points(None, None), 0),
        (points(7), 0), (points(0, 0, 0), 2), (points(-5, 5), 1),
    ],
)  # fmt: skip
def test_the_line_is_interrupted_where_a_number_is_missing_hidden_or_not_comparable(
    found: list[Point], lines: int
) -> None:
    assert drawn(found)[1].get("line", 0) == lines


def test_provisional_breaks_caveats_and_coverage_are_drawn() -> None:
    _, kinds = drawn(points(1, 2, 3, 4, provisional=3, broken=1, careful=2))
    assert (kinds["line provisional"], kinds["break"], kinds["mark"], kinds["none"], kinds["some"]) == (1, 1, 1, 4, 4)


def test_the_band_is_where_most_records_lie() -> None:
    spread = [
        Point(MARCH + timedelta(n), MARCH + timedelta(n), 5.0, 1.0, 9.0, 0.5, False, False, False) for n in range(3)
    ]
    assert drawn(spread)[1]["band"] == 1


def test_everything_lies_inside_and_higher_is_higher() -> None:
    svg, _ = drawn(points(10, 30, 20))
    dots = svg.xpath("//*[local-name()='circle']")  # type: ignore[attr-defined]
    ups = [float(dot.get("cy")) for dot in dots]
    assert ups[1] < ups[2] < ups[0]
    assert all(12 <= up <= 222 for up in ups)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_of_a_chart_say_what_it_shows(language: Language) -> None:
    svg, _ = drawn(points(10, 30.5, None), language)
    told = svg.xpath("//*[local-name()='desc']")[0].text  # type: ignore[attr-defined]
    assert number(30.5, language) in told
    assert "3 " in told
    assert period(MARCH + timedelta(1), "day", language) in told
    hidden, _ = drawn(points(None), language)
    assert "disembunyikan" in hidden.xpath("//*[local-name()='desc']")[0].text or language == "en"  # type: ignore[attr-defined]
