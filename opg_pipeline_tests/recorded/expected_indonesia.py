"""What each Indonesian dataset must become: every record of the recording with chosen standard fields, and what must wait and why."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from lxml import html as lxml_html

from .recordings import iso, read_csv, read_json, read_sheet, read_xml, text_of, utc

Expected = list[dict[str, Any]]
WIB = "Asia/Jakarta"


@dataclass(frozen=True)
class Case:
    """One dataset. ``expect``: the records that are loaded, in order, with the fields compared.

    ``total``: records the recording holds. ``index``: route of the replay server's index that names the same total, or
    None where the dataset takes a list inside its records. ``waiting``: (scope, reason, field) to how many wait.
    ``repeated``: records left out because one with their key came first (`prefer: first`). ``uids``: distinct records of
    those loaded, where the last of several with one key will win. ``each``: records that are made of each one of the index
    (`unpivot`).
    """

    expect: Callable[[], Expected]
    total: int
    index: str | None
    waiting: dict[tuple[str, str, str], int] = field(default_factory=dict)
    repeated: int = 0
    uids: int | None = None
    each: int = 1


def _anri() -> Expected:
    records = read_xml("id_anri_oai_pmh/page1.xml").iterfind(".//{*}record")
    return [
        {
            "document_id": text_of(item, "{*}header/{*}identifier"),
            "title": text_of(item, ".//{*}title"),
            "subject": text_of(item, ".//{*}subject"),
            "detail_url": text_of(item, ".//{*}dc/{*}identifier"),
            "event_at": iso(text_of(item, "{*}header/{*}datestamp") or ""),
            "year": None,
        }
        for item in records
        if text_of(item, ".//{*}title")
    ]


def _forecast() -> Expected:
    root = read_xml("id_bmkg_digitalforecast_xml/page1.xml")
    return [
        {
            "thing_id": area.get("id"),
            "observed_property": parameter.get("id"),
            "phenomenon_time": utc(moment.get("datetime"), "%Y%m%d%H%M"),
            "result_time": utc("20240404073818", "%Y%m%d%H%M%S"),
            "result": Decimal(moment[0].text),
            "uom": moment[0].get("unit"),
        }
        for area in root.iter("area")
        for parameter in area.iterfind("parameter")
        for moment in parameter.iterfind("timerange")
    ]


def _quakes() -> Expected:
    quakes = read_json("id_bmkg_gempaterkini/page1.json")["Infogempa"]["gempa"]
    return [
        {
            "onset_at": iso(item["DateTime"]),
            "hazard_type": "earthquake",
            "lat": Decimal(item["Lintang"].split()[0]) * (-1 if item["Lintang"].endswith("LS") else 1),
            "long": Decimal(item["Bujur"].removesuffix(" BT")),
        }
        for item in quakes
    ]


def _warnings() -> Expected:
    return [
        {
            "document_id": text_of(item, "guid"),
            "title": text_of(item, "title"),
            "language": "id",
            "abstract": text_of(item, "description"),
            "event_at": utc(text_of(item, "pubDate") or "", "%a, %d %b %Y %H:%M:%S %z"),
            "issued_on": date(2026, 2, 16),
        }
        for item in read_xml("id_bmkg_nowcast_rss/page1.xml").iter("item")
    ]


def _plain(markup: str) -> str:
    """Text of HTML."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup)).split())


def _news() -> Expected:
    return [
        {
            "document_id": str(item["news_id"]),
            "title": item["title"].strip(),
            "issued_on": date.fromisoformat(item["rl_date"]),
            "event_at": iso(item["rl_date"], WIB),
            "abstract": _plain(item["news"]),
        }
        for item in read_json("id_bps_news/page1.json")["data"][1]
    ]


def _press() -> Expected:
    return [
        {
            "document_id": str(item["brs_id"]),
            "file_url": item["pdf"],
            "subject": item["subj"],
            "abstract": _plain(html.unescape(item["abstract"])),
        }
        for item in read_json("id_bps_news/related_press_release.json")["data"][1]
    ]


def _tables() -> Expected:
    return [
        {
            "document_id": str(item["table_id"]),
            "title": item["title"],
            "issued_on": date.fromisoformat(item["updt_date"]),
        }
        for item in read_json("id_bps_static_table/page1.json")["data"][1]
    ]


def _health_workers() -> Expected:
    """By cell of the table, without its title, total and source rows."""
    text = html.unescape(read_json("id_bps_static_table/detail.json")["data"]["table"])
    rows = [
        ["".join(map(str, cell.itertext())).strip() for cell in row] for row in lxml_html.fromstring(text).iter("tr")
    ]
    first = next(number for number, row in enumerate(rows) if row[0] == "Dokter")
    last = next(number for number, row in enumerate(rows) if row[0].startswith("J U M L A H"))
    employers = ("education", "armed forces", "health", "private")
    return [
        {
            "indicator_id": " ".join(row[0].split()),
            "ref_area": "7315",
            "dims": f'{{"employer":"{employer}"}}',
            "obs_value": None if value == "-" else Decimal(value),
            "obs_status": "M" if value == "-" else "A",
        }
        for row in rows[first:last]
        for employer, value in zip(employers, row[1:5], strict=True)
    ]


def _pinrang() -> Expected:
    answer = read_json("id_bps_dynamic_table/page1.json")
    return [
        {
            "indicator_id": "31",
            "ref_area": "7315",
            "time_period": year["label"],
            "obs_value": Decimal(answer["datacontent"][f"7315310{year['val']}0"]),
            "unit_measure": "person",
            "event_at": utc(year["label"], "%Y", WIB),
        }
        for year in answer["tahun"]
    ]


def _provinces() -> Iterator[dict[str, Any]]:
    answer = read_json("id_covid_prov/page1.json")
    for item in answer["list_data"]:
        yield {**item, "day": answer["last_date"]}


_CODES = {"DKI JAKARTA": "31", "JAWA TIMUR": "35", "PAPUA": "91", "ACEH": "11"}
"""A few of the codes (Kemendagri), to compare with the declaration's."""


def _covid(column: str) -> Callable[[], Expected]:
    def expect() -> Expected:
        return [
            {
                "obs_value": Decimal(item[column]),
                "time_period": "2020-06-07",
                "event_at": iso(item["day"], WIB),
                **({"ref_area": _CODES[item["key"]]} if item["key"] in _CODES else {}),
            }
            for item in _provinces()
        ]

    return expect


def _covid_groups(group: str, first: str) -> Callable[[], Expected]:
    def expect() -> Expected:
        return [
            {"obs_value": Decimal(part["doc_count"]), **({"indicator_id": first} if place == 0 and number == 0 else {})}
            for number, item in enumerate(_provinces())
            for place, part in enumerate(item[group])
        ]

    return expect


def _programmes() -> Expected:
    return [
        {
            "entry_id": str(item["kd_program"]),
            "program_code": item["kd_program_str"],
            "amount_idr": Decimal(item["pagu_program"]),
            "fiscal_year": item["tahun_anggaran"],
            "posted_on": date(2026, 1, 1),
        }
        for item in read_json("id_inaproc_program_master/snapshot_2026-03-27.json")
    ]


def budgets(day: str = "2026-03-27") -> Expected:
    """The agencies' budgets of one snapshot."""
    return [
        {"entry_id": item["kd_satker_str"], "amount_idr": Decimal(item["total_belanja"])}
        for item in read_json(f"id_inaproc_struktur_anggaran_pd/snapshot_{day}.json")
    ]


def recap(day: str = "2026-04-13") -> Expected:
    """The rows of one workbook."""
    return [
        {
            "entry_id": row["Satuan Kerja"].strip(),
            "amount_idr": Decimal(str(row["Pagu Program"])),
            "posted_on": date(2026, 1, 1),
        }
        for row in read_sheet(f"id_inaproc_rekap_xlsx/report_{day}.xlsx")
    ]


def _groundnut() -> Expected:
    return [
        {
            "ref_area": row["kode_kabupaten_kota"],
            "obs_value": Decimal(row["produksi_kedelai"]),
            "unit_measure": "TON",
            "time_period": row["tahun"],
            "event_at": utc(row["tahun"], "%Y", WIB),
        }
        for row in read_csv("id_jabar_csv_pertanian_desa/page1.csv")
    ]


def _villages() -> Expected:
    return [
        {"entity_id": row["kemendagri_kode_desa"], "name": row["kemendagri_nama_desa"].strip()}
        for row in read_csv("id_jabar_csv_pertanian_desa/related_desa_provider.csv")
        if row["kemendagri_kode_desa"] != "#N/A"
    ]


def datasets(day: str = "2021-09-13") -> Expected:
    """The catalogue's list on one day."""
    return [
        {
            "document_id": str(item["id"]),
            "title": item["name"].strip(),
            "publisher": item["skpd"]["nama_skpd"],
            "issued_on": date.fromisoformat(item["cdate"][:10]),
            "event_at": iso(item["mdate"], WIB),
        }
        for item in read_json(f"id_jabar_opendata_catalog/snapshot_{day}.json")["data"]
    ]


def _air(column: str) -> Callable[[], Expected]:
    def expect() -> Expected:
        features = read_json("id_jakarta_ispu_wfs/page1.geojson")["features"]
        return [
            {
                "thing_id": item["properties"]["data_udara_final_stasiun"],
                "result": Decimal(item["properties"][column]),
                "threshold_level": item["properties"]["data_udara_final_kategori"],
                "phenomenon_time": iso("2023-11-29"),
                "event_on": date(2023, 11, 29),
            }
            for item in features
        ]

    return expect


def _tenders() -> Expected:
    return [
        {
            "ocid": str(item["kd_tender"]),
            "buyer_id": item["kd_satker"],
            "budget_idr": Decimal(item["pagu"]),
            "estimate_idr": Decimal(item["hps"]),
            "tag": '["tender"]',
            "procurement_method": "open",
            "main_category": "services" if item["jenis_pengadaan"] == "Jasa Lainnya" else "consultingServices",
            "release_date": utc(item["tgl_pengumuman_tender"], "%Y-%m-%d %H:%M:%S", WIB),
        }
        for item in read_json("id_lkpp_tender_pengumuman/page1.json")
    ]


def _non_tenders() -> Expected:
    return [
        {
            "ocid": str(item["kd_nontender"]),
            "estimate_idr": Decimal(item["hps"]) or None,
            "release_date": utc(item["tanggal_pengumuman_nontender"], "%Y-%m-%d %H:%M:%S", WIB),
        }
        for item in read_json("id_lkpp_tender_pengumuman/related_nontender.json")
        if item["tanggal_pengumuman_nontender"]
    ]


def floods(snapshot: str = "2017-02-20T00") -> Expected:
    """The flooded neighbourhoods of one hour."""
    grave = {1: "unknown", 2: "minor", 3: "moderate", 4: "severe"}
    return [
        {
            "incident_id": f"{item['properties']['geom_id']} {item['properties']['changed']}",
            "severity": grave[item["properties"]["state"]],
            "onset_at": iso(item["properties"]["changed"], WIB),
        }
        for item in read_json(f"id_petabencana_floods/snapshot_{snapshot}.geojson")["features"]
    ]


def _eggs() -> Expected:
    return [
        {
            "ref_area": str(item["ProvID"]),
            "obs_value": Decimal(item["Nilai"]),
            "time_period": "2020-07-20",
            "event_at": iso("2020-07-20", WIB),
        }
        for item in read_json("id_pihps_histogram/page1.json")
    ]


INDONESIA: dict[str, Case] = {
    # Half of the archive's records have no title, which a document needs.
    "id_anri_oai_pmh/records": Case(_anri, 12, "ListRecords", {("record", "required_missing", "title"): 6}),
    "id_bmkg_digitalforecast_xml/forecast": Case(_forecast, 432, "forecast"),
    "id_bmkg_gempaterkini/quakes": Case(_quakes, 15, "gempaterkini"),
    "id_bmkg_nowcast_rss/warnings": Case(_warnings, 3, "rss"),
    "id_bps_news/news": Case(_news, 10, "news"),
    "id_bps_news/press_releases": Case(_press, 2, "pressrelease"),
    "id_bps_dynamic_table/population": Case(_pinrang, 23, "data"),
    "id_bps_static_table/tables": Case(_tables, 3, "statictable"),
    "id_bps_static_table/health_workers": Case(_health_workers, 84, None),
    "id_covid_prov/cases": Case(_covid("jumlah_kasus"), 34, "prov"),
    "id_covid_prov/recovered": Case(_covid("jumlah_sembuh"), 34, "prov"),
    "id_covid_prov/deaths": Case(_covid("jumlah_meninggal"), 34, "prov"),
    "id_covid_prov/cases_by_sex": Case(_covid_groups("jenis_kelamin", "covid19_cases_men"), 68, None),
    "id_covid_prov/cases_by_age": Case(_covid_groups("kelompok_umur", "covid19_cases_age_0_5"), 202, None),
    "id_inaproc_program_master/programmes": Case(_programmes, 247, "program_master"),
    "id_inaproc_struktur_anggaran_pd/budgets": Case(budgets, 58, "struktur_anggaran_pd"),
    "id_inaproc_rekap_xlsx/recap": Case(recap, 80, "rekap"),
    "id_jabar_csv_pertanian_desa/groundnut": Case(_groundnut, 135, "kacang_tanah"),
    # Four villages have #N/A for a code.
    "id_jabar_csv_pertanian_desa/villages": Case(
        _villages, 5312, "desa_provider", {("record", "required_missing", "entity_id"): 4}
    ),
    "id_jabar_opendata_catalog/datasets": Case(datasets, 100, "dataset"),
    # Five stations, repeated for the 42 districts they stand for.
    "id_jakarta_ispu_wfs/pm25": Case(_air("data_udara_final_pm_duakomalima"), 42, "data_udara", uids=5),
    "id_jakarta_ispu_wfs/pm10": Case(_air("data_udara_final_pm_sepuluh"), 42, "data_udara", uids=5),
    "id_jakarta_ispu_wfs/ozone": Case(_air("data_udara_final_ozon"), 42, "data_udara", uids=5),
    "id_lkpp_tender_pengumuman/tenders": Case(_tenders, 25, "SPSE-TenderPengumuman"),
    # Drafts have not been announced.
    "id_lkpp_tender_pengumuman/non_tenders": Case(
        _non_tenders, 25, "SPSE-NonTenderPengumuman", {("record", "required_missing", "release_date"): 18}
    ),
    "id_petabencana_floods/floods": Case(floods, 7, "floods"),
    "id_pihps_histogram/eggs": Case(_eggs, 34, "histogram"),
}
