"""Describes an export as DCAT-AP 3 in JSON-LD: one dataset per measure, one distribution per file. Writes no file and computes no number.

Addresses of files are relative, so they hold wherever the folder is put. Source: DCAT-AP 3.0, https://semiceu.github.io/DCAT-AP/releases/3.0.0/.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from opg_pipeline.model.catalog import Catalog
from opg_pipeline.model.category import Category, Measure
from opg_pipeline.model.city import LICENSES, City

_EU = "http://publications.europa.eu/resource/authority/"
_FREQUENCIES = {"day": "DAILY", "month": "MONTHLY", "quarter": "QUARTERLY", "year": "ANNUAL"}
_FILE_TYPES = {"csv": "CSV", "parquet": "PARQUET"}
_CONTEXT: dict[str, Any] = {
    "adms": "http://www.w3.org/ns/adms#",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "geo": "http://www.opengis.net/ont/geosparql#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "spdx": "http://spdx.org/rdf/terms#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}


def dcat_catalog(
    catalog: Catalog,
    resources: Sequence[Mapping[str, Any]],
    periods: Mapping[str, tuple[date, date]],
    as_of: datetime,
) -> dict[str, Any]:
    """The catalogue of an export.

    Args:
        resources: those of datapackage.json, named `category.measure` and `category.measure.parquet`.
        periods: start of the first and of the last period by `category.measure`; a measure without cells has none.
        as_of: when the export was made; with time zone.
    """
    cities = [entry.city for _, entry in sorted(catalog.cities.items())]
    publishers = [_agent(city) for city in cities]
    places = [_place(city) for city in cities]
    moment = {"@value": as_of.isoformat(), "@type": "xsd:dateTime"}
    files: dict[str, list[Mapping[str, Any]]] = {}
    for resource in resources:
        files.setdefault(str(resource["name"]).removesuffix(".parquet"), []).append(resource)
    common = {"dct:publisher": publishers, "dct:spatial": places, "dct:modified": moment}
    datasets = []
    for category in sorted(catalog.used_categories, key=lambda item: item.id):
        themes = _themes(catalog, category)
        for measure in sorted(category.measures, key=lambda item: item.id):
            name = f"{category.id}.{measure.id}"
            described = _dataset(category, measure, name, files[name], cities)
            datasets.append(described | common | _covered(periods.get(name)) | themes)
    names = {"en": [city.label.en for city in cities], "id": [city.label.id for city in cities]}
    return {
        "@context": _CONTEXT,
        "@id": "dcat.jsonld#catalog",
        "@type": "dcat:Catalog",
        "dct:title": [
            _text(f"Open performance data of {', '.join(names['en'])}", "en"),
            _text(f"Data kinerja terbuka {', '.join(names['id'])}", "id"),
        ],
        "dct:description": [
            _text("Aggregates with what they rest on and their caveats. Small cells are hidden.", "en"),
            _text("Agregat beserta dasar dan catatannya. Sel kecil disembunyikan.", "id"),
        ],
        "dct:language": [{"@id": f"{_EU}language/{code}", "@type": "dct:LinguisticSystem"} for code in ("ENG", "IND")],
        "dcat:themeTaxonomy": {"@id": f"{_EU}data-theme", "@type": "skos:ConceptScheme", "dct:title": "Data theme"},
        **_licensed(cities),
        **common,
        "dcat:dataset": datasets,
    }


def _dataset(
    category: Category, measure: Measure, name: str, files: Sequence[Mapping[str, Any]], cities: Sequence[City]
) -> dict[str, Any]:
    return {
        "@id": f"dcat.jsonld#{name}",
        "@type": "dcat:Dataset",
        "dct:identifier": name,
        "dct:title": [_text(measure.label.en, "en"), _text(measure.label.id, "id")],
        "dct:description": _text(f"{measure.definition} Not counted: {measure.not_counted}", "en"),
        "dcat:keyword": [_text(category.label.en, "en"), _text(category.label.id, "id")],
        "dcat:contactPoint": {"@type": "vcard:Organization", "vcard:fn": measure.steward},
        "dct:accrualPeriodicity": {"@id": f"{_EU}frequency/{_FREQUENCIES[measure.period]}", "@type": "dct:Frequency"},
        "foaf:page": {"@id": str(files[0]["method"]), "@type": "foaf:Document"},
        "dcat:distribution": [_distribution(item, cities) for item in files],
    }


def _distribution(resource: Mapping[str, Any], cities: Sequence[City]) -> dict[str, Any]:
    path, kind = str(resource["path"]), str(resource["format"])
    return {
        "@id": f"dcat.jsonld#{path}",
        "@type": "dcat:Distribution",
        "dct:title": _text(f"{resource['title']} ({kind})", "en"),
        "dcat:accessURL": {"@id": path},
        "dcat:downloadURL": {"@id": path},
        "dcat:mediaType": {
            "@id": f"https://www.iana.org/assignments/media-types/{resource['mediatype']}",
            "@type": "dct:MediaType",
        },
        "dct:format": {"@id": f"{_EU}file-type/{_FILE_TYPES[kind]}", "@type": "dct:MediaTypeOrExtent"},
        "dcat:byteSize": {"@value": str(resource["bytes"]), "@type": "xsd:nonNegativeInteger"},
        "spdx:checksum": {
            "@type": "spdx:Checksum",
            "spdx:algorithm": {"@id": "spdx:checksumAlgorithm_sha256", "@type": "spdx:ChecksumAlgorithm"},
            "spdx:checksumValue": {
                "@value": str(resource["hash"]).removeprefix("sha256:"),
                "@type": "xsd:hexBinary",
            },
        },
        **_licensed(cities),
    }


def _themes(catalog: Catalog, category: Category) -> dict[str, Any]:
    """The EU's data themes of the government functions whose apps fill the category."""
    functions = {item.urusan_code: item for item in catalog.urusan}
    used = {
        ref.app.urusan for city in catalog.cities for ref in catalog.datasets(city) if ref.category.id == category.id
    }
    themes = sorted({functions[code].dcat_ap_theme for code in used if code in functions} - {""})
    return (
        {"dcat:theme": [{"@id": f"{_EU}data-theme/{name}", "@type": "skos:Concept"} for name in themes]}
        if themes
        else {}
    )


def _covered(period: tuple[date, date] | None) -> dict[str, Any]:
    if period is None:
        return {}
    first, last = ({"@value": day.isoformat(), "@type": "xsd:date"} for day in period)
    return {"dct:temporal": {"@type": "dct:PeriodOfTime", "dcat:startDate": first, "dcat:endDate": last}}


def _licensed(cities: Sequence[City]) -> dict[str, Any]:
    named = sorted({city.license for city in cities if city.license is not None})
    return {"dct:license": [{"@id": LICENSES[name], "@type": "dct:LicenseDocument"} for name in named]} if named else {}


def _agent(city: City) -> dict[str, Any]:
    return {
        "@id": f"dcat.jsonld#publisher-{city.id}",
        "@type": "foaf:Agent",
        "foaf:name": [_text(city.label.en, "en"), _text(city.label.id, "id")],
    }


def _place(city: City) -> dict[str, Any]:
    place: dict[str, Any] = {
        "@id": f"dcat.jsonld#place-{city.id}",
        "@type": "dct:Location",
        "skos:prefLabel": [_text(city.label.en, "en"), _text(city.label.id, "id")],
    }
    if city.regions is not None and city.regions.bounds is not None:
        west, south, east, north = city.regions.bounds
        corners = ((west, south), (east, south), (east, north), (west, north), (west, south))
        shape = f"POLYGON(({', '.join(f'{x} {y}' for x, y in corners)}))"
        place["dcat:bbox"] = {"@value": shape, "@type": "geo:wktLiteral"}
    return place


def _text(value: str, language: str) -> dict[str, str]:
    return {"@value": value, "@language": language}
