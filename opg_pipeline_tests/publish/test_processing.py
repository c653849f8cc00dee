"""The record of processing says every personal path that is declared, and every dataset once."""

from __future__ import annotations

from opg_pipeline.model.catalog import load_catalog
from opg_pipeline.publish.processing import processing_record


def test_every_declared_personal_path_and_every_dataset_is_there() -> None:
    catalog = load_catalog()
    page = processing_record(catalog)
    rows = {cells[1].strip(): cells for line in page.splitlines() if len(cells := line.split("|")) == 8}
    quiet = page.split("Without declared personal data: ")[1].split(".\n")[0].split(", ")
    for ref in catalog.datasets("bojonegoro", active=False):
        name = f"{ref.app.id}/{ref.dataset.id}"
        assert (name in rows) != (name in quiet), name
        if ref.dataset.personal:
            assert all(f"`{path}`" in rows[name][4] for path in ref.dataset.personal), name
        for field, mapping in ref.dataset.fields.items():
            if not field.startswith("event_") and any(
                item.name == field and item.token for item in ref.category.fields
            ):
                assert all(f"`{path}`" in rows[name][4] for path in mapping.paths), name
                assert f"`{field} (" in rows[name][5], name
    assert all(cells[6].strip() == "400 days" for name, cells in rows.items() if "/" in name)
