"""Pages for people, generated from the declarations: the data dictionary and one method page per measure. Reads no record."""

from __future__ import annotations

import json

from opg_pipeline.model.catalog import Catalog
from opg_pipeline.model.category import Category, CategoryField, Measure
from opg_pipeline.model.handover import ENVELOPE, ENVELOPE_NULLABLE
from opg_pipeline.publish.measures import CAVEATS
from opg_pipeline.publish.tables import mart_metadata
from opg_pipeline.publish.views import mart_views

_HISTORY = (
    ("first_seen_at", "timestamp", "When the record first came."),
    ("last_changed_at", "timestamp", "When its content last changed."),
    (
        "vanished_at",
        "timestamp",
        "When the source stopped listing it; empty while it is alive. Measures count alive records only.",
    ),
    (
        "version_from",
        "timestamp",
        "Since when the record stands as it does; empty if that was before versions were kept.",
    ),
    ("version_change", "string", "What began it: new, changed, restated or revived; empty likewise."),
)
_MAY_BE_EMPTY = ENVELOPE_NULLABLE | {"vanished_at", "version_from", "version_change"}
_VERSIONS = (
    "`core.<category>_history` has every version of every record in the same columns: `version_from` and `version_to` (empty on the version "
    "that stands), `version_change`, and `version_end`: changed, restated or vanished. `restated` means that the same answer of the source was "
    "read by another declaration. Times are when the pipeline learned it; when it happened is `event_at`."
)


def data_dictionary(catalog: Catalog) -> str:
    """Markdown of every core table, mart table and measure. The same catalogue gives the same text."""
    lines = [
        "# Data dictionary",
        "",
        "Generated from the catalogue; do not edit. Timestamps are UTC. Lists, maps and geometries are JSON text.",
        "",
        "## Columns every core table begins with",
        "",
        "| column | type | may be empty | meaning |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| {name} | {kind} | {'yes' if name in _MAY_BE_EMPTY else 'no'} | {_cell(text)} |"
        for name, kind, text in (*ENVELOPE, *_HISTORY)
    ]
    lines += ["", _VERSIONS]
    categories = sorted(catalog.categories.values(), key=lambda item: item.id)
    for category in categories:
        lines += _category(category)
    for table in sorted(mart_metadata().tables.values(), key=lambda item: item.name):
        lines += [
            "",
            f"## mart.{table.name}",
            "",
            *_languages(table.comment or ""),
            "",
            "| column | type | may be empty | English | Indonesia |",
        ]
        lines.append("| --- | --- | --- | --- | --- |")
        for column in table.columns:
            english, _, indonesian = (column.comment or "").partition(" | ")
            kind = str(column.type.compile()).lower()
            lines.append(
                f"| {column.name} | {kind} | {'yes' if column.nullable else 'no'} | {_cell(english)} | {_cell(indonesian)} |"
            )
    for view in mart_views(catalog):
        lines += [
            "",
            f"## mart.{view.name}",
            "",
            *_languages(view.comment),
            "",
            "| column | English | Indonesia |",
            "| --- | --- | --- |",
        ]
        lines += [f"| {name} | {' | '.join(map(_cell, text.split(' | ')))} |" for name, text in view.comments.items()]
    lines += ["", "## Caveats", "", "| caveat | meaning |", "| --- | --- |"]
    lines += [f"| {name} | {_cell(text)} |" for name, text in sorted(CAVEATS.items())]
    lines += [
        "",
        "## Measures",
        "",
        "| measure | category | name | unit | aggregation | period | smallest cell |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {measure.id} | {category.id} | {_cell(measure.label.en)} / {_cell(measure.label.id)} | {_cell(measure.unit)} "
        f"| {measure.aggregation} | {measure.period} | {measure.min_cell} |"
        for category in categories
        for measure in sorted(category.measures, key=lambda item: item.id)
    ]
    return "\n".join(lines) + "\n"


def method_page(catalog: Catalog, category: Category, measure: Measure) -> str:
    """The method behind one measure, Markdown, with the notes of the cities' partners that speak of it."""
    lines = [
        f"# {measure.label.en}",
        "",
        f"*{measure.label.id}*",
        "",
        f"Measure `{measure.id}` of category `{category.id}` ({category.label.en}), after {category.standard}. One record is: {category.grain}",
        "",
        *(
            "## Concept",
            "",
            measure.concept,
            "",
            "## Definition",
            "",
            measure.definition,
            "",
            "## Interpretation",
            "",
            measure.interpretation,
        ),
        *("", "## Not counted", "", measure.not_counted, "", "## How it is computed", ""),
        f"- Aggregation: {measure.aggregation}, in {measure.unit}, by {measure.period}, for the whole city and for each district.",
    ]
    if measure.value is not None:
        [(kind, source)] = measure.value.model_dump(exclude_none=True).items()
        told = f"`{source}`" if kind == "field" else f"{kind.replace('_', ' ')} `{source[0]}` and `{source[1]}`"
        lines.append(f"- Value of one record: {told}. Records without it are not counted.")
    if measure.by:
        lines.append(
            f"- Never mixed over {', '.join(f'`{name}`' for name in measure.by)}: one number for each of their combinations."
        )
    lines += [f"- Only records where {_conditions(measure.where)}."] if measure.where else []
    lines += [f"- Counted in the share: records where {_conditions(measure.numerator)}."] if measure.numerator else []
    lines += [
        f"- Cells of fewer than {measure.min_cell} records are hidden, and others with them where a small cell could be found by subtraction."
        if measure.min_cell > 1
        else "- No cell is hidden: the records speak of no person.",
        "",
        "## Who answers for it",
        "",
        f"- Steward: {measure.steward}",
        f"- Definition reviewed by: {measure.review.isoformat()}",
        "",
        "## Caveats a number may carry",
        "",
        *(f"- `{name}`: {text}" for name, text in sorted(CAVEATS.items())),
    ]
    for city, entry in sorted(catalog.cities.items()):
        for note, body in sorted(entry.notes, key=lambda item: item[0].id):
            if not note.measures or measure.id in note.measures:
                lines += ["", f"## Note: {note.title}", "", f"*{note.kind}, {note.author}, {city}*", "", body]
    return "\n".join(lines) + "\n"


def _category(category: Category) -> list[str]:
    lines = [
        "",
        f"## core.{category.id}",
        "",
        f"{category.label.en} / {category.label.id}. Follows {category.standard}. One record is: {category.grain}",
        "",
        *(f"- {source.origin}: {source.title}, {source.reference}" for source in category.sources),
        *([""] if category.sources else []),
        "| column | type | may be empty | English | Indonesia | unit | origin | privacy |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for field in category.stored_fields:
        origin, english = (
            _cell(field.origin),
            _cell(" ".join(part for part in (field.label.en, _described(field)) if part)),
        )
        lines.append(
            f"| {field.name} | {field.type} | {'no' if field.required else 'yes'} | {english} | {_cell(_indonesian(field))} "
            f"| {_cell(field.unit)} | {origin} | {'keyed token' if field.token else field.privacy} |"
        )
    return lines


def _described(field: CategoryField) -> str:
    values = f"One of: {field.told_values('en')}." if field.values else ""
    return " ".join(part for part in (f"({field.description})" if field.description else "", values) if part)


def _indonesian(field: CategoryField) -> str:
    return f"{field.label.id}. Salah satu: {field.told_values('id')}." if field.values else field.label.id


def _conditions(fields: dict[str, tuple[object, ...]]) -> str:
    return " and ".join(
        f"`{name}` is {' or '.join(json.dumps(item, ensure_ascii=False) for item in listed)}"
        for name, listed in fields.items()
    )


def _languages(comment: str) -> list[str]:
    english, _, indonesian = comment.partition(" | ")
    return [english, "", f"*{indonesian}*"]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
