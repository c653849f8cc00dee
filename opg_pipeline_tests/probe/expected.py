"""What a probe must find of apps of the sandbox, written from the vendors' pages alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Expected:
    """``paginate`` are keys that must be as they are here; None: there must be none. ``key`` is what identifies a record."""

    url: str
    key: str | None
    auth: tuple[dict[str, str], ...] = ()
    format: str = "json"
    format_keys: dict[str, Any] = field(default_factory=dict)
    records: str = ""
    paginate: dict[str, Any] | None = None
    personal: tuple[str, ...] = ()


def header(name: str, secret: str) -> dict[str, str]:
    return {"type": "api_key", "in": "header", "name": name, "secret": secret}


def query(name: str, secret: str) -> dict[str, str]:
    return {"type": "api_key", "in": "query", "name": name, "secret": secret}


def bearer(secret: str) -> dict[str, str]:
    return {"type": "bearer", "secret": secret}


def basic(app: str) -> dict[str, str]:
    return {"type": "basic", "username": f"{app}_USER", "password": f"{app}_PASSWORD"}


def page(param: str, size_param: str, size: int, **stop: str) -> dict[str, Any]:
    return {"type": "page", "param": param, "size_param": size_param, "size": size, **stop}


def offset(param: str, limit_param: str, limit: int, **stop: str) -> dict[str, Any]:
    return {"type": "offset", "param": param, "limit_param": limit_param, "limit": limit, **stop}


APPS: dict[str, Expected] = {
    "si_nduk": Expected(
        "sandbox://si_nduk/api/permohonan", "no_registrasi", (bearer("SI_NDUK_TOKEN"),), records="data",
        paginate=page("page", "per_page", 200, total="pagination.total"), personal=("nik", "no_kk", "nama_pemohon", "no_hp"),
    ),
    "simpeg": Expected(
        "sandbox://simpeg/api/v1/pegawai", "nipBaru", (bearer("SIMPEG_TOKEN"),), records="data.items",
        paginate=page("page", "per_page", 500, total="data.pagination.total"), personal=("nipBaru", "nama", "nik"),
    ),
    "e_puskesmas": Expected(
        "sandbox://e_puskesmas/v1/kunjungan", "id_kunjungan", (bearer("E_PUSKESMAS_TOKEN"),), records="data",
        paginate={"type": "cursor", "param": "cursor", "next": "next_cursor", "more": "has_more", "size_param": "limit", "size": 200},
    ),
    "beasiswa": Expected(
        "sandbox://beasiswa/api/penerima", "id_pengajuan", (header("X-Beasiswa-Key", "BEASISWA_KEY"),), records="penerima",
        paginate=offset("offset", "limit", 500, total="jumlah"), personal=("mahasiswa.nik", "mahasiswa.hp", "mahasiswa.surel"),
    ),
    "mpp_antrian": Expected(
        "sandbox://mpp_antrian/api/v1/tiket", "id_tiket", (header("X-API-Key", "MPP_ANTRIAN_KEY"),), paginate={"type": "link_header"}
    ),
    "damkar": Expected(
        "sandbox://damkar/laporan", "no_laporan", (basic("DAMKAR"),), records="laporan",
        paginate=page("halaman", "ukuran", 50, pages="jumlah_halaman"),
    ),
    "leger_jalan": Expected(
        "sandbox://leger_jalan/arcgis/rest/services/BinaMarga/LegerJalan/FeatureServer/0/query?where=1=1&outFields=*&f=json",
        None, (query("token", "LEGER_JALAN_TOKEN"),), records="features", paginate={"type": "arcgis"},
    ),
    "e_bphtb": Expected(
        "sandbox://e_bphtb/sspd", "@no", (basic("E_BPHTB"),), format="xml", records="bphtb.sspd",
        paginate=page("halaman", "per_halaman", 200, total="bphtb.@total"),
        personal=("wajib_pajak.nama", "wajib_pajak.nik", "wajib_pajak.npwp", "wajib_pajak.alamat"),
    ),
    "wizztara": Expected(
        "sandbox://wizztara/export.ndjson", "id", (header("X-Wizztara-Key", "WIZZTARA_KEY"),), format="ndjson",
        personal=("dari", "nama_profil"),
    ),
    "sapa_bupati": Expected(
        "sandbox://sapa_bupati/pub?output=csv", None, format="csv", format_keys={"header_rows": 2}
    ),
    "pju": Expected(
        "sandbox://pju/rest/v1/lampu", "id", (header("apikey", "PJU_KEY"),), paginate={"type": "postgrest"}
    ),
    "tma_bengawan_solo": Expected(
        "sandbox://tma_bengawan_solo/v1.1/Observations", "'@iot.id'", records="value", paginate={"type": "sensorthings"}
    ),
    "inlislite": Expected(
        "sandbox://inlislite/oai?verb=ListRecords&metadataPrefix=oai_dc", "header.identifier", format="xml",
        records="OAI-PMH.ListRecords.record", paginate={"type": "oai_pmh"},
    ),
    "jdih": Expected("sandbox://jdih/integrasi", "idData"),
    "bos_open_contract": Expected(
        "sandbox://bos_open_contract/api/releases.json", "id", records="releases", paginate={"type": "json_api"}
    ),
    "isikhnas": Expected(
        "sandbox://isikhnas/api/laporan", "id_laporan", (query("api_key", "ISIKHNAS_KEY"),), records="hasil",
        paginate=page("halaman", "baris", 500, total="total"),
    ),
    "siapkerja_loker": Expected(
        "sandbox://siapkerja_loker/api/v1/lowongan", "id_loker", (header("X-API-KEY", "SIAPKERJA_LOKER_KEY"),), records="data",
        paginate=page("page", "per_page", 500, total="meta.total"),
    ),
    "psc119": Expected(
        "sandbox://psc119/open311/v2/requests.json?updated_after=2025-01-01T00:00:00Z", "service_request_id",
        (query("api_key", "PSC119_KEY"),), paginate={"type": "page", "param": "page", "size_param": "page_size", "stop": "short"},
    ),
    "sipsn_dlh": Expected(
        "sandbox://sipsn_dlh/api/ispu", "id", (basic("SIPSN_DLH"),), records="data", paginate=page("page", "limit", 1000, total="total")
    ),
    "simbg": Expected(
        "sandbox://simbg/api/permohonan", "nomor_registrasi", (bearer("SIMBG_TOKEN"),), records="results",
        paginate=offset("offset", "limit", 500, total="count"),
    ),
    "ekatalog_v6": Expected(
        "sandbox://ekatalog_v6/api/paket", "kode_paket", (query("api_key", "EKATALOG_V6_KEY"),), records="data",
        paginate=offset("offset", "limit", 100, total="total"),
    ),
    "skm_online": Expected(
        "sandbox://skm_online/api/responden", "id", (header("X-Api-Key", "SKM_ONLINE_KEY"),), records="responden",
        paginate=page("hal", "jml", 500, total="total_data"),
    ),
    "wisata_kunjungan": Expected(
        "sandbox://wisata_kunjungan/unduh/kunjungan.csv", None, format="csv", format_keys={"delimiter": ";"}
    ),
    "skdr": Expected(
        "sandbox://skdr/ekspor/mingguan.csv", None, (query("api_key", "SKDR_KEY"),), format="csv", format_keys={"delimiter": ";"}
    ),
    "rsud_antrean": Expected(
        "sandbox://rsud_antrean/api/v1/antrean", "kode_booking",
        (header("X-Api-Key", "RSUD_ANTREAN_KEY"), bearer("RSUD_ANTREAN_TOKEN")), records="response",
        paginate=page("page", "per_page", 1000, total="halaman.jumlah"),
    ),
    "bpbd_kejadian": Expected(
        "sandbox://bpbd_kejadian/pub?output=csv", "No Kejadian", format="csv", format_keys={"skip_rows": 1}
    ),
    "siormas": Expected(
        "sandbox://siormas/data/ormas.xml", "@nomor_skt", (basic("SIORMAS"),), format="xml", records="daftar_ormas.ormas"
    ),
    "e_pbb": Expected(
        "sandbox://e_pbb/pembayaran", None, (header("X-Api-Key", "E_PBB_KEY"),), records="data",
        paginate=offset("offset", "limit", 500, total="meta.total"),
    ),
    "aspirasi_dprd": Expected(
        "sandbox://aspirasi_dprd/ekspor/pokir.csv", None, (basic("ASPIRASI_DPRD"),), format="csv", format_keys={"encoding": "windows-1252"}
    ),
    "rumah_singgah": Expected(
        "sandbox://rumah_singgah/pub?output=csv", "'No. Permohonan'", format="csv"
    ),
}  # fmt: skip
