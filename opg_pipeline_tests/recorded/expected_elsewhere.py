"""What each dataset of other countries must become: every record of the recording with chosen standard fields, and what must wait."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from lxml import html as lxml_html

from .expected_indonesia import Case, Expected
from .recordings import iso, read_call, read_csv, read_json, read_xml, text_of, utc


def _stations() -> Expected:
    return [
        {
            "entity_id": str(item["number"]),
            "name": item["designationofficial"],
            "valid_from": date.fromisoformat(item["validfrom"]),
            "valid_to": None,
            "event_at": iso(item["validfrom"], "Europe/Zurich"),
        }
        for item in read_json("ch_sbb_ods_v21/page1.json")["results"]
    ]


def _disruptions() -> Expected:
    def local(text: str) -> datetime:
        return utc(text.removesuffix("+00:00"), "%Y-%m-%dT%H:%M:%S", "Europe/Zurich")

    newest: dict[str, dict[str, Any]] = {}
    for item in read_json("ch_sbb_ods_v21/related_disruptions.json")["results"]:
        if item["link"] not in newest or item["published"] > newest[item["link"]]["published"]:
            newest[item["link"]] = item
    return [
        {
            "incident_id": item["link"],
            "onset_at": local(item["startdatetime"]),
            "ended_at": local(item["enddatetime"]),
            "reported_at": iso(item["published"]),
        }
        for item in newest.values()
    ]


def _passengers() -> Expected:
    return [
        {
            "ref_area": item["code_codice"],
            "obs_value": Decimal(item["dtv_tjm_tgm"]),
            "time_period": item["jahr_annee_anno"],
        }
        for item in read_json("ch_sbb_ods_v21/related_frequency.json")["results"]
    ]


def _pupils(column: str, year: int) -> Callable[[], Expected]:
    def expect() -> Expected:
        rows = read_csv("ckan_csv_german_semicolon/page1.csv", ";")
        codes = ["261", "6621", "351", "2701", "5586", "230", "CH"]
        return [
            {
                "ref_area": code,
                "obs_value": Decimal(row[column]),
                "time_period": str(year),
                "event_at": utc(f"{year}-01-01", "%Y-%m-%d", "Europe/Zurich"),
            }
            for row, code in zip(rows, codes, strict=True)
        ]

    return expect


def _schools() -> Expected:
    return [
        {
            "ref_area": row["CO_MUNICIPIO"],
            "obs_value": Decimal(row["SCHOOLS_NU"]),
            "time_period": row["NU_ANO_CENSO"][6:10],
            "event_at": utc(row["NU_ANO_CENSO"], "%m/%d/%Y %I:%M:%S %p", "America/Porto_Velho"),
        }
        for row in read_csv("ckan_csv_german_semicolon/related_brazil.csv")
    ]


def _park_and_ride() -> Expected:
    return [
        {
            "thing_id": str(item["id"]),
            "result": Decimal(item["properties"]["stellplaetze_frei"]),
            "phenomenon_time": utc(
                item["properties"]["aktualitaet_belegungsdaten"], "%Y-%m-%d %H:%M:%S", "Europe/Berlin"
            ),
        }
        for item in read_json("de_hamburg_ogcapi/page1.geojson")["features"]
    ]


def _garages() -> Expected:
    return [
        {
            "thing_id": str(item["id"]),
            "result": Decimal(item["properties"]["frei"]),
            "result_quality": "suspect" if item["properties"]["status"] == "Störung" else "good",
            "phenomenon_time": utc(item["properties"]["received"], "%d.%m.%Y, %H:%M", "Europe/Berlin"),
        }
        for item in read_json("de_hamburg_ogcapi/related_garages_live.geojson")["features"]
    ]


def _places() -> Expected:
    found: Expected = []
    for series in read_xml("it_istat_sdmx_generic/page1.xml").iter("{*}Series"):
        at = {value.get("id"): value.get("value") for value in series.iter("{*}Value")}
        for observation in series.iter("{*}Obs"):
            year = observation.find("{*}ObsDimension").get("value")
            found.append(
                {
                    "indicator_id": f"DCIS_SERVSOCEDU1 {at['DATA_TYPE']}",
                    "freq": at["FREQ"],
                    "ref_area": at["REF_AREA"],
                    "time_period": year,
                    "obs_value": Decimal(observation.find("{*}ObsValue").get("value")),
                    "event_at": utc(year, "%Y", "Europe/Rome"),
                }
            )
    return found


def _latest() -> Expected:
    return [
        {
            "thing_id": place["location"].strip(),
            "observed_property": reading["parameter"],
            "result": Decimal(reading["value"]),
            "uom": reading["unit"],
            "phenomenon_time": iso(reading["lastUpdated"]),
        }
        for place in read_json("openaq_v1_latest/page1.json")["results"]
        for reading in place["measurements"]
        if reading["value"] != -99
    ]


def _releases() -> Expected:
    return [
        {
            "ocid": item["ocid"],
            "buyer_id": item["buyer"]["id"],
            "title": item["tender"]["title"],
            "tag": '["compiled"]',
            "release_date": iso(item["date"]),
            "tender_start": iso(item["tender"]["tenderPeriod"]["startDate"]),
            "budget_idr": None,
            "award_idr": None,
        }
        for item in read_json("py_dncp_ocds/page1.json")["releases"]
    ]


def _cook() -> Expected:
    rows = [
        item["attributes"] for page in (1, 2) for item in read_json(f"us_esri_cook_pages/page{page}.json")["features"]
    ]
    return [
        {
            "entity_id": str(row["OBJECTID"]),
            "name": row["NAME"].strip(),
            "classification": row["TYPE"].strip() or None,
            "event_at": utc(row["LAST_EDIT"], "%m/%d/%Y %I:%M:%S %p", "America/Chicago"),
        }
        for row in rows
        if row["LAST_EDIT"]
    ]


def _bike_stations() -> Expected:
    answer = read_json("us_gbfs_stations/station_information.json")
    return [
        {
            "entity_id": item["station_id"],
            "name": item["name"].strip(),
            "capacity": Decimal(item["capacity"]),
            "event_at": datetime.fromtimestamp(answer["last_updated"], UTC),
        }
        for item in answer["data"]["stations"]
    ]


def _bikes() -> Expected:
    return [
        {
            "thing_id": item["station_id"],
            "result": Decimal(item["num_bikes_available"]),
            "phenomenon_time": datetime.fromtimestamp(int(item["last_reported"]), UTC),
        }
        for item in read_json("us_gbfs_stations/station_status.json")["data"]["stations"]
    ]


def _river(element: str) -> Callable[[], Expected]:
    def expect() -> Expected:
        sites = read_xml("us_lcra_soap_hydromet/page1.xml").iter("{*}clsLowerBasin")
        return [
            {
                "thing_id": text_of(site, "{*}Location"),
                "result": Decimal(value),
                "phenomenon_time": utc(text_of(site, "{*}DateTime") or "", "%b %d %Y %I:%M%p", "America/Chicago"),
            }
            for site in sites
            if (value := text_of(site, "{*}" + element)) is not None
        ]

    return expect


def _counts() -> Expected:
    rows = read_json("us_socrata_bike_counts/page1.json") + read_json("us_socrata_bike_counts/page2.json")
    return [
        {"thing_id": row["id"], "result": Decimal(row["counts"]), "phenomenon_time": iso(row["date"])} for row in rows
    ]


def _prices() -> Expected:
    rows = [item for page in (9, 10) for item in read_json(f"wfp_vam_prices_pse_3pages/page{page}.json")["items"]]
    return [
        {
            "indicator_id": f"{row['commodityId']} Retail",
            "ref_area": str(row["marketId"]),
            "time_period": row["commodityPriceDate"][:7],
            "obs_value": Decimal(row["commodityPrice"]),
            "unit_measure": f"ILS {row['commodityUnitName']}",
            "obs_status": "E" if row["commodityPriceFlag"] == "forecast" else "A",
            "event_at": iso(row["commodityPriceDate"], "Asia/Gaza"),
        }
        for row in rows
    ]


def _odata_time(text: str) -> datetime:
    """/Date(1780272000000)/, milliseconds."""
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int(text[6:-2]))


def _sessions() -> Expected:
    return [
        {
            "entity_id": str(item["ID"]),
            "entity_class": "event",
            "name": item["SessionName"],
            "valid_from": _odata_time(item["StartDate"]).date(),
            "valid_to": _odata_time(item["EndDate"]).date(),
            "event_at": _odata_time(item["StartDate"]),
            "reported_at": _odata_time(item["Modified"]),
        }
        for item in read_json("ch_parlament_odata_v2/page1.json")["d"]
    ]


def _business() -> Expected:
    return [
        {
            "document_id": str(item["ID"]),
            "number": item["BusinessShortNumber"],
            "title": item["Title"],
            "language": "de",
            "abstract": " ".join(" ".join(map(str, lxml_html.fromstring(item["SubmittedText"]).itertext())).split()),
            "issued_on": _odata_time(item["SubmissionDate"]).date(),
        }
        for item in read_json("ch_parlament_odata_v2/related_business.json")["d"]
    ]


def _projects() -> Expected:
    return [
        {
            "ocid": item["projectNumber"],
            "release_id": item["publicationNumber"],
            "release_date": iso(item["publicationDate"], "Europe/Zurich"),
            "tag": f'["{item["pubType"]}"]',
            "buyer_id": item["procOfficeName"]["de"],
            "title": item["title"]["de"],
            "main_category": {"supply": "goods", "construction": "works", "service": "services"}[
                item["projectSubType"]
            ],
        }
        for item in read_json("ch_simap_project_search/page1.json")["projects"]
    ]


def _lots() -> Expected:
    return [
        {
            "ocid": f"{project['projectNumber']} {lot['lotNumber']}",
            "release_id": lot["publicationNumber"],
            "buyer_id": project["procOfficeName"]["de"],
            "title": lot["lotTitle"]["de"],
        }
        for project in read_json("ch_simap_project_search/page1.json")["projects"]
        for lot in project["lots"]
    ]


def _requests() -> Expected:
    return [
        {
            "service_request_id": text_of(item, "service_request_id"),
            "status": text_of(item, "status"),
            "requested_datetime": iso(text_of(item, "requested_datetime") or ""),
            "description": text_of(item, "service_name"),
            "lat": round(Decimal(text_of(item, "lat") or ""), 6),
            "long": round(Decimal(text_of(item, "long") or ""), 6),
        }
        for item in read_xml("us_sf_open311/requests.xml").iter("request")
    ]


def _quakes() -> Expected:
    return [
        {
            "incident_id": item["id"],
            "hazard_type": "earthquake",
            "certainty": "likely" if item["properties"]["status"] == "AUTOMATIC" else "observed",
            "onset_at": datetime.fromtimestamp(item["properties"]["time"], UTC),
            "lat": Decimal(item["geometry"]["coordinates"][1]),
            "long": Decimal(item["geometry"]["coordinates"][0]),
        }
        for item in read_call("usgs_quakes_jsonp/page1.jsonp")["features"]
    ]


ELSEWHERE: dict[str, Case] = {
    "ch_parlament_odata_v2/sessions": Case(_sessions, 3, "Session"),
    "ch_parlament_odata_v2/business": Case(_business, 3, "Business"),
    "ch_sbb_ods_v21/stations": Case(_stations, 20, "stations"),
    # Two messages each about three disruptions.
    "ch_sbb_ods_v21/disruptions": Case(_disruptions, 6, "disruptions", repeated=3),
    "ch_sbb_ods_v21/passengers": Case(_passengers, 6, "frequency"),
    "ch_simap_project_search/projects": Case(_projects, 3, "project_search"),
    "ch_simap_project_search/lots": Case(_lots, 2, None),
    "ckan_csv_german_semicolon/pupils_2010": Case(_pupils("Schüler_Total_2010/2011", 2010), 7, "german"),
    "ckan_csv_german_semicolon/pupils_2000": Case(_pupils("Schüler_Total_2000/2001", 2000), 7, "german"),
    "ckan_csv_german_semicolon/schools": Case(_schools, 10, "brazil"),
    "de_hamburg_ogcapi/park_and_ride": Case(_park_and_ride, 10, "p_und_r"),
    "de_hamburg_ogcapi/garages": Case(_garages, 10, "parkhaeuser"),
    "it_istat_sdmx_generic/places": Case(_places, 22, "data"),
    # Two stations send -99 for no reading.
    "openaq_v1_latest/latest": Case(_latest, 332, None, {("record", "required_missing", "result"): 2}),
    "py_dncp_ocds/releases": Case(_releases, 1, "record_package"),
    # One place does not say when it was last edited.
    "us_esri_cook_pages/places": Case(_cook, 502, "query", {("record", "required_missing", "event_at"): 1}),
    "us_gbfs_stations/stations": Case(_bike_stations, 198, "station_information"),
    "us_gbfs_stations/bikes": Case(_bikes, 198, "station_status"),
    "us_lcra_soap_hydromet/stages": Case(_river("StageFT"), 33, "GetLowerBasin"),
    # Sites without a flow gauge.
    "us_lcra_soap_hydromet/flows": Case(
        _river("FlowCFS"), 33, "GetLowerBasin", {("record", "required_missing", "result"): 11}
    ),
    "us_sf_open311/requests": Case(_requests, 2, "requests"),
    "us_socrata_bike_counts/counts": Case(_counts, 1001, "rows"),
    "wfp_vam_prices_pse_3pages/prices": Case(_prices, 1169, "PriceMonthly"),
    "usgs_quakes_jsonp/quakes": Case(_quakes, 288, "week"),
}
