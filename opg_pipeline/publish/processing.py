"""The record of processing activities (UU 27/2022, article 31) as a page, generated from the declarations. Says nothing that they do not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from opg_pipeline.model.app import App, Dataset
from opg_pipeline.model.catalog import Catalog, CityCatalog
from opg_pipeline.model.category import Category, CategoryField

_KEPT = {
    "pseudonym": "as a keyed token (HMAC-SHA256)",
    "org_or_person": "as a keyed token (HMAC-SHA256)",
    "direct": "never; it is read to strike it out of texts",
    "sensitive_text": "as text in which identities are written over",
    "sensitive": "as it is, without identities that slipped in",
    "quasi": "as it is; published in cells of a least size alone",
}
"""How a field of a privacy class is kept; `none` is no personal data."""


def processing_record(catalog: Catalog) -> str:
    """Markdown: per city who is responsible for what, how long payloads stay, and which personal data becomes what."""
    lines = [
        "# Record of processing",
        "",
        "What UU 27/2022 on personal data protection (article 31) asks a controller to keep, as far as the declarations know it: which",
        "personal data comes from where, what is kept of it, how long, and who gets it. The legal basis of each app is its agency's to",
        "state; none is guessed here.",
        "",
        "## What is kept, by class",
        "",
        "| Class of a field | Kept |",
        "|---|---|",
        *(f"| `{name}` | {words} |" for name, words in _KEPT.items()),
        "",
        "Recipients: the read-only BI role sees measures; open data holds published cells alone. Raw answers and what waits in",
        "quarantine are seen by those who run the pipeline, and each look is noted (`opg privacy log`).",
        "",
    ]
    for city in catalog.cities.values():
        lines += _city(catalog, city)
    return "\n".join(lines)


def _city(catalog: Catalog, city: CityCatalog) -> Iterator[str]:
    yield from (
        f"## {city.city.name}",
        "",
        "| App | Agency | Purpose | Personal data the source sends | Fields kept | Payloads |",
    )
    yield "|---|---|---|---|---|---|"
    without = []
    for app in city.apps.values():
        for dataset in app.datasets:
            category = catalog.categories[dataset.category]
            fields, sent = _personal_fields(dataset, category), _sent(dataset, category)
            if not sent and not fields:
                without.append(f"{app.id}/{dataset.id}")
                continue
            cells = (
                f"{app.id}/{dataset.id}", city.city.agency(app.agency).name, app.description or category.grain,
                _listed(sent), _listed(f"{item.name} ({item.privacy})" for item in fields), _kept_for(city, app),
            )  # fmt: skip
            yield "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"
    yield ""
    if without:
        yield from (f"Without declared personal data: {', '.join(without)}.", "")


def _sent(dataset: Dataset, category: Category) -> list[str]:
    """Paths that are declared personal, and those that become tokens."""
    tokens = [
        path
        for item in category.stored_fields
        if item.token and item.name in dataset.fields
        for path in dataset.fields[item.name].paths
    ]
    return list(dict.fromkeys([*dataset.personal, *tokens]))


def _personal_fields(dataset: Dataset, category: Category) -> list[CategoryField]:
    """Mapped fields that are, or may become, personal data."""
    return [item for item in category.stored_fields if item.name in dataset.fields and item.privacy != "none"]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _kept_for(city: CityCatalog, app: App) -> str:
    days = app.payload_days or city.city.payload_days
    return "kept until removed by hand" if days is None else f"{days} days"
