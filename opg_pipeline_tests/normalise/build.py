"""Small declarations and pages for the tests of the normalise stage, made through the real models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from opg_pipeline.model.app import App
from opg_pipeline.model.catalog import DatasetRef, shipped_catalog
from opg_pipeline.model.category import Category
from opg_pipeline.model.city import City
from opg_pipeline.model.handover import Page, RawRef
from opg_pipeline.model.reference import Region, read_regions
from opg_pipeline.normalise import Normalised, Normaliser, Pseudonymiser, RegionResolver

KEY = b"a key for the tests, long enough"
TOKENS = Pseudonymiser(KEY)
PULLED = datetime(2026, 6, 1, 12, tzinfo=UTC)
REGIONS_FILE: Path = shipped_catalog() / "reference" / "regions" / "bojonegoro.csv"
REGIONS: tuple[Region, ...] = read_regions(REGIONS_FILE)
RESOLVER = RegionResolver(REGIONS, "35.22", 88)

CITY = City.model_validate(
    {
        "id": "bojonegoro",
        "name": "Kabupaten Bojonegoro",
        "label": {"en": "Bojonegoro", "id": "Bojonegoro"},
        "timezone": "Asia/Jakarta",
        "regions": {"file": "bojonegoro.csv", "root": "35.22", "fuzzy_threshold": 88, "bounds": [111.4, -7.65, 112.2, -6.95]},
        "locale": {
            "decimal": ",", "thousands": ".", "date": "dd/mm/yyyy", "datetime": "dd/mm/yyyy HH:MM", "missing": ["", "-"],
            "truthy": ["Ya", "1"], "falsy": ["Tidak", "0"],
        },
        "agencies": [{"id": "diskominfo", "name": "Kominfo"}, {"id": "bapenda", "name": "Bapenda"}],
    }
)  # fmt: skip


def field(name: str, kind: str = "string", privacy: str = "none", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "label": {"en": name, "id": name}, "privacy": privacy, **more}


def category(*fields: dict[str, Any], event_time: str | None = None) -> Category:
    return Category.model_validate(
        {
            "id": "thing",
            "label": {"en": "Thing", "id": "Benda"},
            "standard": "none",
            "grain": "One thing.",
            "event_time": event_time,
            "fields": list(fields),
        }
    )


def reference(
    thing: Category,
    fields: Mapping[str, Any],
    *,
    key: Sequence[str | Sequence[str]] = ("id",),
    locale: Mapping[str, Any] | None = None,
    **dataset: Any,
) -> DatasetRef:
    app = App.model_validate(
        {
            "id": "demo",
            "name": "Demo",
            "agency": "diskominfo",
            "urusan": "2.16",
            "cadence": "daily",
            "evidence": {"interface": "assumed"},
            "locale": dict(locale or {}),
            "source": {"base_url": "https://demo.example"},
            "datasets": [
                {
                    "id": "things",
                    "path": "/things",
                    "nature": "event",
                    "category": "thing",
                    "key": list(key),
                    "fields": dict(fields),
                    **dataset,
                }
            ],
        }
    )
    return DatasetRef(CITY, app, app.datasets[0], thing)


def page(
    records: list[Any],
    number: int = 0,
    parents: list[tuple[Any, ...]] | None = None,
    document: Any = None,
    params: Mapping[str, str | int] | None = None,
) -> Page:
    raw = RawRef(f"{number:064x}", 10, "https://demo.example/things", "GET", 200, PULLED)
    return Page(records, parents, document, raw, number, params or {})


def normaliser(ref: DatasetRef, slice_id: str = "s1", tokens: Pseudonymiser = TOKENS) -> Normaliser:
    return Normaliser(ref, tokens=tokens, resolver=RESOLVER, slice_id=slice_id, ingested_at=PULLED)


def run(ref: DatasetRef, *pages: Page | list[Any]) -> Normalised:
    """One batch; checks that nothing is lost."""
    given = [item if isinstance(item, Page) else page(item, number) for number, item in enumerate(pages)]
    done = normaliser(ref).normalise(given)
    dropped = done.flags.get("DUPLICATE_DROPPED", 0)
    assert done.records == done.accepted.num_rows + done.records_rejected + dropped
    assert sum(len(item.records) for item in given) == done.records + done.skipped
    scopes = done.rejected["scope"].to_pylist()
    assert scopes.count("value") == done.values_rejected
    waiting = {
        row for row, scope in zip(done.rejected["slice_row"].to_pylist(), scopes, strict=True) if scope == "record"
    }
    assert len(waiting) == done.records_rejected
    return done


EVENT = {"event_at": {"const": "2026-01-01"}}


def one(
    kind: str, mapping: Mapping[str, Any], value: Any, *, locale: Mapping[str, Any] | None = None, **field_keys: Any
) -> Any:
    """What a single value becomes in an optional field: the value, or the reason as `!reason`."""
    thing = category(field("xx", kind, **field_keys))
    ref = reference(thing, {**EVENT, "xx": {"from": "v", **mapping}}, locale=locale)
    done = run(ref, [{"id": "1", "v": value}])
    assert done.accepted.num_rows == 1
    result = done.accepted["xx"][0].as_py()
    if done.rejected.num_rows:
        assert result is None
        assert done.accepted["quality_flags"][0].as_py() == '["REJECTED_XX"]'
        assert orjson.loads(done.rejected["payload"][0].as_py())["id"] == "1"
        return f"!{done.rejected['reason'][0].as_py()}"
    assert done.accepted["quality_flags"][0].as_py() == "[]"
    return result
