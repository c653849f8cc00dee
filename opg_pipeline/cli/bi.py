"""`opg bi`: files for BI tools, made from the declarations. No number is read for them."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from opg_pipeline.cli.terminal import fail, out, settings

app_group = typer.Typer(no_args_is_help=True)


class Language(StrEnum):
    """Of titles and texts."""

    en = "en"
    id = "id"


@app_group.callback()
def bi() -> None:
    """Files for BI tools, made from the declarations."""


@app_group.command()
def superset(
    to: Annotated[Path, typer.Option("--to", help="The bundle to write.")] = Path("opg_superset.zip"),
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            help="SQLAlchemy URL by which Superset reaches schema mart. Default: $OPG_WAREHOUSE_URL as user opg_bi, "
            "or the published DuckDB copy. Without password: Superset asks for it.",
        ),
    ] = None,
    language: Annotated[Language, typer.Option("--language", help="Language of titles.")] = Language.en,
) -> None:
    """Write the bundle that Superset imports (Dashboards, Import): datasets and four dashboards over schema mart."""
    chosen = settings()
    from opg_pipeline.model.catalog import load_catalog
    from opg_pipeline.publish import PublishError
    from opg_pipeline.publish.bi import published_url, superset_bundle

    catalog = load_catalog(*([chosen.catalog] if chosen.catalog else []), packs=chosen.packs)
    if chosen.city not in catalog.cities:
        fail(f"There is no city {chosen.city!r} in the catalogue. Known: {', '.join(sorted(catalog.cities))}.", 2)
    try:
        bundle = superset_bundle(
            catalog,
            chosen.city,
            url or published_url(chosen.warehouse, chosen.home),
            language=language.value,
            as_of=datetime.now(UTC),
        )
        to.write_bytes(bundle)
    except (PublishError, OSError) as error:
        fail(str(error), 2)
    out.print(f"{to}: import it in Superset under Dashboards.", highlight=False, markup=False, soft_wrap=True)


@app_group.command()
def semantic(
    to: Annotated[Path, typer.Option("--to", help="The file to write.")] = Path("opg_semantic.yml"),
) -> None:
    """Write the semantic description of the measures: MetricFlow's semantic models over the views mart.wide_<category>."""
    chosen = settings()
    from opg_pipeline.model.catalog import load_catalog
    from opg_pipeline.publish.bi import semantic_description

    try:
        to.write_text(
            semantic_description(load_catalog(*([chosen.catalog] if chosen.catalog else []), packs=chosen.packs)),
            encoding="utf-8",
        )
    except OSError as error:
        fail(str(error), 2)
    out.print(f"{to}: semantic models and metrics.", highlight=False, markup=False, soft_wrap=True)
