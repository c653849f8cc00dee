"""Data Docs open from a folder, say what every rule found in both languages, and hold no value of a record."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import lxml.html
import pytest

from opg_pipeline.validate import Judged, RuleResult, build_suite, write_data_docs
from opg_pipeline_tests.catalog.shipped import categories

AT = datetime(2026, 6, 30, 5, 4, tzinfo=UTC)
CATEGORIES = categories()
FAILING = "envelope"


def judged() -> list[Judged]:
    """Every rule of every category held, but for the first of the rules of datasets and one of records."""
    found = []
    for category in CATEGORIES:
        suite = build_suite(category)
        results = [
            RuleResult(
                check.rule, "row", check.severity, check.description, check.expectation, f"required:{FAILING}" != check.rule, 1234,
                0 if f"required:{FAILING}" != check.rule else 7,
            )
            for check in suite.rows
        ]  # fmt: skip
        results += [
            RuleResult(check.rule, "dataset", check.severity, check.description, check.expectation, place > 0, 3, int(not place), "", () if place else ("app_a/data_b",))
            for place, check in enumerate(suite.datasets)
        ]  # fmt: skip
        found.append(Judged(category, AT, results))
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("docs") / "data_docs"
    write_data_docs(target, judged())
    return target


def page(site: Path, name: str) -> lxml.html.HtmlElement:
    return lxml.html.document_fromstring((site / f"{name}.html").read_text(encoding="utf-8"))


def words(element: lxml.html.HtmlElement) -> str:
    return re.sub(r"\s+", " ", element.text_content())


@pytest.mark.parametrize("item", judged(), ids=lambda item: item.category.id)
def test_every_rule_is_told_in_both_languages(site: Path, item: Judged) -> None:
    text = words(page(site, item.category.id))
    for result in item.results:
        assert re.sub(r"\s+", " ", result.description) in text, result.rule
        assert " | " in result.description, result.rule
    assert text.count("✗ failed") == item.failed + 1, "each that failed, and the whole"
    assert "7 unexpected values found" in text
    assert "1,234" in text or "1234" in text or "≈0.5673%" in text
    if any(result.kind == "dataset" for result in item.results):
        assert "app_a/data_b" in text, "which dataset failed is said"


def test_nothing_is_asked_of_another_host_and_every_link_leads_somewhere(site: Path) -> None:
    files = sorted(path.name for path in site.iterdir())
    assert files == sorted([*(f"{item.id}.html" for item in CATEGORIES), "index.html", "style.css"])
    for name in files:
        text = (site / name).read_text(encoding="utf-8")
        assert "http" not in re.sub(r"<[^>]*>", "", text) or "://" not in text
        assert not re.findall(r"(?:src|href)=[\"']?(?:https?:)?//", text)
        assert "<script" not in text
        assert "onclick" not in text
        for target in re.findall(r'href="([^"#]+)"', text):
            assert (site / target).is_file(), (name, target)


def test_the_index_tells_each_category(site: Path) -> None:
    rows = page(site, "index").xpath("//tbody/tr")
    assert len(rows) == len(CATEGORIES)
    for row, item in zip(rows, judged(), strict=True):
        text = words(row)
        assert item.category.label.en in text
        assert item.category.label.id in text
        assert f"{len(item.results) - item.failed} / {len(item.results)}" in text
        assert "2026-06-30 05:04 UTC" in text


def test_they_take_the_place_of_the_former_ones(tmp_path: Path) -> None:
    target = tmp_path / "data_docs"
    write_data_docs(target, judged())
    write_data_docs(target, judged()[:1])
    assert sorted(path.name for path in target.iterdir()) == sorted(
        [f"{CATEGORIES[0].id}.html", "index.html", "style.css"]
    )
    assert [path.name for path in tmp_path.iterdir()] == ["data_docs"], "nothing is left beside them"
