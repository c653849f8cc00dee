"""The walk over the shipped declarations: whole from the app's answer to the wide view, and made of columns that are there."""

from __future__ import annotations

from collections import defaultdict

import pytest

from opg_pipeline.model.catalog import Catalog, load_catalog
from opg_pipeline.model.handover import ENVELOPE
from opg_pipeline.model.lineage import MEASURE, Edge, Place, column_lineage


@pytest.fixture(scope="module")
def declared() -> Catalog:
    return load_catalog()


@pytest.fixture(scope="module")
def edges(declared: Catalog) -> list[Edge]:
    return list(column_lineage(declared))


def test_no_edge_is_told_twice_and_every_column_is_there(declared: Catalog, edges: list[Edge]) -> None:
    assert len(set(edges)) == len(edges)
    envelope = {name for name, _, _ in ENVELOPE}
    for edge in edges:
        if edge.target[0] == "core":
            fields = {item.name for item in declared.categories[edge.target[1]].stored_fields}
            assert edge.target_column in fields | envelope
        if edge.source[0] == "core":
            fields = {item.name for item in declared.categories[edge.source[1]].stored_fields}
            assert edge.source_column in fields | envelope, edge


def test_every_number_leads_back_to_a_path_in_the_answer_of_an_app(declared: Catalog, edges: list[Edge]) -> None:
    into: dict[tuple[Place, str], list[Edge]] = defaultdict(list)
    for edge in edges:
        into[(edge.target, edge.target_column)].append(edge)
    for category in declared.used_categories:
        for measure in category.measures:
            [shown] = into[(("mart", f"wide_{category.id}"), measure.id)]
            made = [edge for edge in into[(shown.source, shown.source_column)] if edge.measure == measure.id and edge.source == ("core", category.id)]  # fmt: skip
            assert shown.source == MEASURE
            assert made, f"{measure.id} is made of nothing"
            paths = {
                source.source_column
                for edge in made
                for core in into[(edge.source, edge.source_column)]
                for source in into[(core.source, core.source_column)]
            }
            counted = {edge.source_column for edge in made} == {"record_uid"}
            assert counted or paths, f"{measure.id} comes from no path"


def test_the_way_of_one_field(edges: list[Edge]) -> None:
    raw, standard = (("raw", "bojonegoro", "e_pbb", "payments"), ("standard", "bojonegoro", "e_pbb", "payments"))
    told = {(edge.source, edge.source_column, edge.target, edge.target_column) for edge in edges}
    assert (raw, "jumlah", standard, "amount_idr") in told
    assert (standard, "amount_idr", ("core", "fiscal_entry"), "amount_idr") in told
    assert Edge(("core", "fiscal_entry"), "amount_idr", MEASURE, "value", "sum of", "revenue") in edges
    assert (MEASURE, "value", ("mart", "wide_fiscal_entry"), "revenue") in told
