"""Great Expectations' Data Docs of what the rules said last, as pages that open from a folder without a network.

The library renders each category's page; its index and styles need hosts elsewhere, so these are ours. Results are counts and
names of datasets: no value of a record is in them.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

import lxml.html
from lxml.html import builder as tag

from opg_pipeline.model.category import Category
from opg_pipeline.validate.engine import library
from opg_pipeline.validate.report import RuleResult
from opg_pipeline.validate.suite import build_suite

_DROPPED = "//script | //link | //img | //footer | //nav | //p[@class='lead'] | //*[strong[text()='Actions']]/.. | //*[strong[text()='Table of Contents']]/.."
_SEVERITIES = {
    "quarantine": "what fails waits in quarantine | yang gagal ditahan di karantina",
    "warn": "what fails is told and loaded | yang gagal diperingatkan dan tetap dimuat",
    "block": "a dataset that fails is not loaded | dataset yang gagal tidak dimuat",
}
_STYLE = """body{font:16px/1.5 system-ui,sans-serif;color:#1b1b1b;margin:0 auto;max-width:62rem;padding:1rem}
a{color:#0b5394}h1{font-size:1.5rem}h5,h6{font-size:1.05rem;margin:1.2rem 0 .3rem}table{border-collapse:collapse;width:100%}
th,td{border-bottom:1px solid #ccc;padding:.4rem .5rem;text-align:left;vertical-align:top;overflow-wrap:break-word}th,.held,.failed{white-space:nowrap}thead[hidden]{display:none}
.held{color:#1b5e20;font-weight:600}.failed,.text-danger{color:#a11212;font-weight:600}.cooltip .top,.btn{display:none}
@media(prefers-color-scheme:dark){body{background:#151515;color:#eee}a{color:#9ec5ff}.held{color:#8fd694}.failed,.text-danger{color:#ff9b9b}}
"""


@dataclass(frozen=True, slots=True)
class Judged:
    """What the rules of a category said of its newest batch."""

    category: Category
    at: datetime
    results: Sequence[RuleResult]

    @property
    def failed(self) -> int:
        """Rules that did not hold."""
        return sum(not result.success for result in self.results)


def write_data_docs(target: Path, judged: Sequence[Judged]) -> list[Path]:
    """Write `index.html`, `style.css` and a page per category in place of what stood in ``target``; returns the files, sorted."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".data-docs-") as folder:
        made = Path(folder) / "site"
        made.mkdir()
        (made / "style.css").write_text(_STYLE, encoding="utf-8")
        for item in judged:
            (made / f"{item.category.id}.html").write_text(_page(item), encoding="utf-8")
        (made / "index.html").write_text(_index(judged), encoding="utf-8")
        if target.exists():
            target.rename(Path(folder) / "former")
        shutil.move(made, target)
    return sorted(target.iterdir())


def _index(judged: Sequence[Judged]) -> str:
    rows = "".join(
        f'<tr><td><a href="{item.category.id}.html">{escape(item.category.label.en)} | {escape(item.category.label.id)}</a></td>'
        f"<td>{_verdict(not item.failed)}</td><td>{len(item.results) - item.failed} / {len(item.results)}</td>"
        f"<td>{item.at:%Y-%m-%d %H:%M} UTC</td></tr>"
        for item in judged
    )
    heads = "".join(f"<th>{text}</th>" for text in ("Category | Kategori", "Result | Hasil", "Rules that held | Aturan terpenuhi", "Judged | Dinilai"))  # fmt: skip
    body = (
        "<h1>What the rules said | Hasil aturan</h1><p>Of each category the newest batch that was loaded. All batches are in "
        "<code>ops.validation</code>. | Kelompok terbaru tiap kategori; semuanya ada di <code>ops.validation</code>.</p>"
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )
    return _whole("What the rules said", body)


def _whole(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="style.css"></head><body><main>{body}</main></body></html>\n'
    )


def _verdict(success: bool) -> str:
    return f'<span class="{"held" if success else "failed"}">{"✓ held | terpenuhi" if success else "✗ failed | gagal"}</span>'


def _page(item: Judged) -> str:
    library()
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view.view import DefaultJinjaPageView

    view: Any = DefaultJinjaPageView()
    document = ValidationResultsPageRenderer(run_info_at_end=True).render(_validation(item))
    root: Any = lxml.html.document_fromstring(view.render(document))
    for element in root.xpath(_DROPPED):
        if element.getparent() is not None:
            element.drop_tree()
    for icon in root.xpath("//i[contains(@class, 'fa-')]"):
        fine = "fa-check" in icon.get("class")
        icon.getparent().replace(icon, lxml.html.fragment_fromstring(_verdict(fine)))
    for link in root.xpath("//a[contains(@href, '..') or starts-with(@href, 'http') or @data-toggle]"):
        link.drop_tag()
    for other in root.xpath("//*[@style or @onclick]"):
        other.attrib.pop("style", None)
        other.attrib.pop("onclick", None)
    label = item.category.label
    body = root.find("body")
    body.insert(0, tag.H1(f"{label.en} | {label.id}"))
    body.insert(0, tag.P(tag.A("All categories | Semua kategori", href="index.html")))
    inner = "".join(lxml.html.tostring(child, encoding="unicode") for child in body)
    return _whole(f"{label.en}: what the rules said", inner)


def _validation(item: Judged) -> Any:
    """The results as Great Expectations has them."""
    gx = library()
    from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.expectations.registry import get_expectation_impl

    results = []
    for result, arguments in _with_arguments(item):
        where = {"notes": [f"{result.rule}: {_SEVERITIES[result.severity]}"]}
        words = f"{result.description} ({_SEVERITIES[result.severity]})"
        expectation = get_expectation_impl(result.expectation)(**arguments, description=words, meta=where)
        results.append(ExpectationValidationResult(
            success=result.success, expectation_config=expectation.configuration, result=_counts(result),
            exception_info={"raised_exception": False, "exception_message": None, "exception_traceback": None},
        ))  # fmt: skip
    held = len(item.results) - item.failed
    statistics = {
        "evaluated_expectations": len(results), "successful_expectations": held, "unsuccessful_expectations": item.failed,
        "success_percent": 100 * held / len(results) if results else 100.0,
    }  # fmt: skip
    return ExpectationSuiteValidationResult(
        success=not item.failed, results=results, suite_name=item.category.id, statistics=statistics,
        meta={"great_expectations_version": gx.__version__, "expectation_suite_name": item.category.id, "batch_kwargs": {"data_asset_name": f"core.{item.category.id}"},
              "run_id": RunIdentifier(run_name=item.category.id, run_time=item.at)},
    )  # fmt: skip


def _with_arguments(item: Judged) -> list[tuple[RuleResult, Mapping[str, Any]]]:
    """Each result of a rule that is declared still, with the arguments of its expectation. A rule of datasets is a column of their own."""
    suite = build_suite(item.category)
    known: dict[str, Mapping[str, Any]] = {}
    for check in suite.rows:
        names = [column.name for column in check.columns]
        slots = ["column"] if len(names) == 1 else ["column_A", "column_B"]
        known[check.rule] = {**check.arguments, **dict(zip(slots, names, strict=True))}
    for dataset in suite.datasets:
        known[dataset.rule] = {"column": f"{dataset.field or 'records'} (per dataset)", "min_value": dataset.minimum}
    return [(result, known[result.rule]) for result in item.results if result.rule in known]


def _counts(result: RuleResult) -> dict[str, Any]:
    share = 100 * result.unexpected / result.evaluated if result.evaluated else 0.0
    return {
        "element_count": result.evaluated, "missing_count": 0, "missing_percent": 0.0, "unexpected_count": result.unexpected,
        "unexpected_percent": share, "unexpected_percent_total": share, "unexpected_percent_nonmissing": share,
        "partial_unexpected_list": list(result.groups),
        "partial_unexpected_counts": [{"value": name, "count": 1} for name in result.groups],
    }  # fmt: skip
