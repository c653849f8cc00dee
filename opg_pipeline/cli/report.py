"""How the result of a run is shown in the terminal: one screen for a whole city. Nothing is run and nothing is decided here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from opg_pipeline.cli.terminal import out

if TYPE_CHECKING:
    from opg_pipeline.defs.run import RunResult
    from opg_pipeline.settings import Settings

LIST = 20
"""Datasets up to which each has a line; and messages that are shown."""


def show_run(result: RunResult, settings: Settings, *, each: bool) -> None:
    """Print what a run did; ``each``: a line for every dataset, however many there are."""
    if each or len(result.outcomes) <= LIST:
        _datasets(result)
    if result.publish is not None or len(result.outcomes) > LIST:
        _categories(result)
    _messages(result)
    if result.publish is not None:
        _numbers(result)
    _sum(result)
    if result.publish is not None:
        where = result.publish.copy or settings.warehouse
        out.print(f"Warehouse: {settings.warehouse}", highlight=False, soft_wrap=True)
        out.print(f"For BI:    {where}  (schema mart: measure, app_scorecard)", highlight=False, soft_wrap=True)
        out.print(f"To read:   {settings.home / 'open_data' / 'index.html'}", highlight=False, soft_wrap=True)
        out.print("Next:      make ui  to see the lineage; docs/how-to/connect-bi.md to query it.", highlight=False)


def _table(title: str, texts: tuple[str, ...], numbers: tuple[str, ...]) -> Table:
    table = Table(*texts, title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in numbers:
        table.add_column(name, justify="right")
    return table


def _datasets(result: RunResult) -> None:
    table = _table(f"Pulled from {result.city}", ("Dataset", "Category", "Outcome"), ("Records", "Accepted", "Waiting"))
    for item in result.outcomes:
        table.add_row(
            f"{item.app}/{item.dataset}", item.category, item.outcome.value.replace("_", " "), f"{item.records:,}",
            f"{item.accepted:,}", f"{item.quarantined:,}", style="" if item.outcome.good else "red",
        )  # fmt: skip
    out.print(table)


def _categories(result: RunResult) -> None:
    """A line for each category that has news or trouble."""
    loaded = result.publish.categories if result.publish is not None else {}
    numbers: tuple[str, ...] = ("Datasets", "Well", "Records", "Waiting")
    if result.publish is not None:
        numbers += ("Inserted", "Updated", "Vanished", "Rules failing")
    table = _table(f"{result.city} by category", ("Category",), numbers)
    for name in sorted({item.category for item in result.outcomes} | set(loaded)):
        mine = [item for item in result.outcomes if item.category == name]
        new = [item for item in mine if item.outcome.value == "new_records"]
        summary, well = loaded.get(name), sum(item.outcome.good for item in mine)
        if well == len(mine) and not new and (summary is None or not (summary.slices or summary.error)):
            continue
        waiting = sum(item.quarantined for item in new) + (summary.quarantined if summary is not None else 0)
        told = [str(len(mine)), str(well), f"{sum(item.records for item in new):,}", f"{waiting:,}"]
        if summary is not None and summary.merged is not None:
            merged, failing = summary.merged, sum(not item.success for item in summary.results.values())
            told += [f"{merged.inserted:,}", f"{merged.updated:,}", f"{merged.vanished:,}", str(failing)]
        elif result.publish is not None:
            told += ["-"] * 4
        broken = well < len(mine) or (summary is not None and bool(summary.error))
        table.add_row(name, *told, style="red" if broken else "")
    if table.row_count:
        out.print(table)


def _messages(result: RunResult) -> None:
    told = sorted((item for item in result.outcomes if item.message), key=lambda item: item.outcome.good)
    for item in told[:LIST]:
        _say(f"{item.app}: {item.message} Fix: {item.hint}", "yellow" if item.outcome.good else "red")
    if len(told) > LIST:
        _say(f"... and {len(told) - LIST:,} more: opg status", "red")
    for text in result.publish.problems if result.publish is not None else []:
        _say(text, "red")
    for text in result.announcements:
        _say(text, "yellow")


def _say(text: str, style: str) -> None:
    out.print(text, style=style, highlight=False, markup=False, soft_wrap=True)


def _numbers(result: RunResult) -> None:
    assert result.publish is not None
    if result.publish.nothing_new:
        out.print("Nothing new: measures and open data rest on the same as before and stay as they are.")
    elif (measures := result.publish.measures) is not None:
        from opg_pipeline.defs.deployment import current_deployment

        number = sum(len(category.measures) for category in current_deployment().catalog.used_categories)
        out.print(
            f"Measures: {number} measures in {measures.cells:,} cells of region and period, {measures.suppressed:,} of them suppressed.",
            highlight=False,
        )


def _sum(result: RunResult) -> None:
    total = sum(item.records for item in result.outcomes)
    seconds = sum(result.seconds.values())
    good = sum(item.outcome.good for item in result.outcomes)
    new = sum(item.outcome.value == "new_records" for item in result.outcomes)
    out.print(
        f"{good} of {len(result.outcomes)} datasets well, {new or 'none'} with something new; {total:,} records in {seconds:.1f} s "
        f"({', '.join(f'{name} {value:.1f} s' for name, value in result.seconds.items())}), "
        f"{total / max(seconds, 0.001):,.0f} a second.",
        highlight=False,
        soft_wrap=True,
    )
