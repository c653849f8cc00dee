"""Apps about residents: Si N'duk (JSON by page), e-Puskesmas (JSON by cursor) and the fire brigade (JSON by page).

What happened to the residents belongs in `truth`.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from datetime import datetime
from random import Random

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.access import basic, bearer, same
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, Told, flaws, identity, loops, page_of, whole
from opg_pipeline.sandbox.truth.geography import Village
from opg_pipeline.sandbox.truth.records import Callout, ClinicVisit, DocumentCase

STAMP = "%Y-%m-%d %H:%M:%S"
DOCUMENTS = {
    "family_card": ("KK", "Kartu Keluarga"),
    "identity_card": ("KTP", "KTP Elektronik"),
    "child_identity_card": ("KIA", "Kartu Identitas Anak"),
    "birth_certificate": ("AKL", "Akta Kelahiran"),
    "death_certificate": ("AKM", "Akta Kematian"),
    "marriage_certificate": ("AKW", "Akta Perkawinan"),
    "moving_letter": ("SKP", "Surat Keterangan Pindah"),
}
SPELLINGS = {
    "submitted": ("Diajukan", "DIAJUKAN", "Pengajuan Baru", "diajukan "),
    "verified": ("Diverifikasi", "Sedang Diverifikasi", "VERIFIKASI", "verifikasi berkas"),
    "returned": ("Dikembalikan", "Perlu Perbaikan", "Berkas Kurang", "DIKEMBALIKAN"),
    "approved": ("Disetujui", "DISETUJUI", "ACC"),
    "issued": ("Selesai", "SELESAI", "Terbit", "Dokumen Terbit", "Sudah Dicetak", "selesai"),
    "rejected": ("Ditolak", "DITOLAK", "Tolak"),
    "withdrawn": ("Dibatalkan Pemohon", "Batal", "DICABUT"),
}
UNFORESEEN = ("dlm antrian ttd", "PROSES 2", "nunggu pak kabid", "Slesai", "cek ulang", "???")
SEX = {"short": {"L": "L", "P": "P"}, "long": {"L": "Laki-laki", "P": "Perempuan"}}
PAYERS = {"BPJS_PBI": "BPJS PBI", "BPJS_NONPBI": "BPJS NON PBI", "UMUM": "UMUM", "LAIN": "JAMKESDA"}
CLASSES = {"AMB": "Rawat Jalan", "EMER": "UGD", "IMP": "Rawat Inap", "COMM": "Kunjungan Luar Gedung"}
OUTCOMES = {"home": "Pulang", "referred": "Rujuk RS", "admitted": "Dirawat"}
# How three generations of the vendor's program name the same columns: day, sex, village; and how they write the sex.
DIALECTS = (
    ("tgl_kunjungan", "jk", "desa", "short"),
    ("tanggal", "kelamin", "alamat_desa", "long"),
    ("tgl_kunjungan", "kelamin", "alamat_desa", "short"),
)
CALLOUTS = {
    "fire_building": ("KEBAKARAN", "Kebakaran {}"),
    "fire_land": ("KEBAKARAN", "Kebakaran {}"),
    "fire_vehicle": ("KEBAKARAN", "Kebakaran {}"),
    "animal_rescue": ("EVAKUASI HEWAN", "Evakuasi {}"),
    "other_rescue": ("PENYELAMATAN", "Pertolongan {}"),
}


def district_spelling(rng: Random, village: Village) -> str:
    """One of the ways in which people type the district."""
    district = village.district
    return rng.choices(
        (district.name, district.name.upper(), district.statistical_name.title(), f"Kec. {district.name}"), (6, 2, 2, 1)
    )[0]


def village_spelling(rng: Random, village: Village) -> str:
    """One of the ways in which people type the village."""
    prefix = "Kel." if village.urban else "Ds."
    return rng.choices(
        (village.name, village.name.upper(), village.statistical_name.title(), f"{prefix} {village.name}"), (6, 2, 2, 1)
    )[0]


def typo(rng: Random, village: Village, known: frozenset[str]) -> str:
    """The village's name with two letters exchanged or one doubled, such that it is no other village's name."""
    name = village.name
    while True:
        cut = rng.randrange(1, len(name) - 1)
        swapped = (
            name[:cut] + name[cut + 1] + name[cut] + name[cut + 2 :]
            if rng.random() < 0.5
            else name[:cut] + name[cut] + name[cut:]
        )
        if swapped != name and swapped.lower() not in known:
            return swapped


class SiNduk(Service):
    """Applications for civil documents."""

    app_id = "si_nduk"
    secrets = ("SI_NDUK_TOKEN",)
    drift = ("tgl_pengajuan",)

    def routes(self) -> list[Route]:
        return [Route("/api/permohonan", self.cases)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, DocumentCase)
        wrong = flaws(
            rng,
            len(records),
            {
                "unmapped_status": 30,
                "typo_village": 15,
                "unknown_region": 8,
                "malformed_nik": 6,
                "missing_submitted": 4,
            },
        )
        known = frozenset(village.name.lower() for village in ledger.places.villages)
        for number, record in enumerate(records):
            defect, person = wrong.get(number), record.applicant
            place = ledger.places.village_by_code[record.village or ""]
            code, name = DOCUMENTS[record.service]
            status = rng.choice(UNFORESEEN) if defect == "unmapped_status" else rng.choice(SPELLINGS[record.status])
            district, village = district_spelling(rng, place), village_spelling(rng, place)
            if defect == "typo_village":
                village = typo(rng, place, known)
            elif defect == "unknown_region":
                district, village = "LUAR DAERAH", "-"
            nik = person.nik[:-2] if defect == "malformed_nik" else person.nik
            body = {
                "no_registrasi": record.record_id,
                "aplikasi": "Si N'duk",
                "kode_layanan": code,
                "jenis_layanan": name,
                "nik": nik,
                "no_kk": person.household.no_kk,
                "nama_pemohon": person.name,
                "no_hp": person.phone,
                "kecamatan": district,
                "desa": village,
                "status": status,
                "tgl_pengajuan": "" if defect == "missing_submitted" else f"{record.at:{STAMP}}",
                "tgl_selesai": None if record.decided_at is None else f"{record.decided_at:{STAMP}}",
                "tgl_ubah": f"{record.changed_at:{STAMP}}",
            }
            planted = (("nik", nik), *identity(person, "kk", "name", "phone"))
            sent, changed = record.at.date(), record.changed_at.date()
            if changed > sent:
                first = {"status": "Diajukan", "tgl_selesai": None, "tgl_ubah": f"{record.at:{STAMP}}"}
                truth = {"status": "submitted", "decided_at": None, "changed_at": record.at.isoformat()}
                early = None if defect == "unmapped_status" else defect
                yield Told(record.record_id, sent, body | first, f"{record.at:{STAMP}}", early, planted, changed, truth)
            yield Told(record.record_id, changed, body, f"{record.changed_at:{STAMP}}", defect, planted)

    async def cases(self, request: Request) -> Response:
        if not same(request.headers.get("authorization"), bearer(self.city.access["SI_NDUK_TOKEN"])):
            return JSONResponse({"success": False, "message": "Token tidak valid atau kedaluwarsa"}, 401)
        query = request.query_params
        page, size = whole(query.get("page"), 1, 1, 10**6), whole(query.get("per_page"), 50, 1, 200)
        since = query.get("diubah_sejak", "")
        if page is None or size is None or not _is_stamp(since):
            return JSONResponse({"success": False, "message": "Parameter tidak valid"}, 422)
        rows = [row for row in self.rows(request) if row.order >= since]
        pages = 10**6 if loops(request) else -(-len(rows) // size)
        return JSONResponse(
            {
                "success": True,
                "data": page_of(rows, (page - 1) * size, size, loops(request)),
                "pagination": {"page": page, "per_page": size, "total": len(rows), "total_pages": pages},
            }
        )


def _is_stamp(text: str) -> bool:
    try:
        return text == "" or bool(datetime.strptime(text, STAMP))
    except ValueError:
        return False


class EPuskesmas(Service):
    """Visits to community health centres. Which names the columns have depends on the centre."""

    app_id = "e_puskesmas"
    secrets = ("E_PUSKESMAS_TOKEN",)
    drift = ("umur",)

    def routes(self) -> list[Route]:
        return [Route("/v1/kunjungan", self.visits)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, ClinicVisit)
        wrong = flaws(rng, len(records), {"unreadable_age": 10, "impossible_date": 4, "missing_sex": 8})
        dialect_of = {
            code: DIALECTS[n % 3] for n, code in enumerate(sorted({record.facility_id for record in records}))
        }
        for number, record in enumerate(records):
            person = record.patient
            defect = wrong.get(number) or (None if record.patient_known else "placeholder_nik")
            place = ledger.places.village_by_code[record.village or ""]
            day, sex, village, form = dialect_of[record.facility_id]
            nik = person.nik if record.patient_known else "0" * 16
            illness = record.icd10
            if illness is not None and rng.random() < 0.1:
                illness = illness.replace(".", "").lower()
            age = f"{record.age_years} Th {record.age_months} Bl"
            body = {
                "id_kunjungan": record.record_id,
                "kode_puskesmas": record.facility_id,
                "nama_puskesmas": record.facility,
                day: "00-00-0000" if defect == "impossible_date" else f"{record.at:%d-%m-%Y}",
                "nik": nik,
                "nama": person.name.upper(),
                sex: "" if defect == "missing_sex" else SEX[form][record.sex],
                "umur": rng.choice(("Th Bl", "dewasa", "-")) if defect == "unreadable_age" else age,
                "kecamatan": place.district.name,
                village: place.name,
                "jenis_kunjungan": CLASSES[record.encounter_class],
                "diagnosa": illness,
                "penjamin": PAYERS[record.payer_class],
                "lama_tunggu": record.wait_minutes,
                "status_pulang": OUTCOMES[record.outcome],
            }
            planted = (("name", person.name.upper()), *(identity(person, "nik") if record.patient_known else ()))
            yield Told(record.record_id, record.at.date(), body, record.at.date(), defect, planted)

    async def visits(self, request: Request) -> Response:
        if not same(request.headers.get("authorization"), bearer(self.city.access["E_PUSKESMAS_TOKEN"])):
            return self._error(401, "UNAUTHENTICATED", "Token tidak dikenal")
        query = request.query_params
        limit, start = whole(query.get("limit"), 100, 1, 200), _start_of(query.get("cursor"))
        if limit is None or start is None:
            return self._error(422, "INVALID_PARAMETER", "limit (1-200) atau cursor tidak valid")
        try:
            since = datetime.strptime(query.get("sejak") or "01-01-1900", "%d-%m-%Y").date()
        except ValueError:
            return self._error(422, "INVALID_PARAMETER", "sejak harus dd-mm-yyyy")
        rows = [row for row in self.rows(request) if row.order >= since]
        if loops(request):
            start %= max(1, len(rows))
        end = start + limit
        more = loops(request) or end < len(rows)
        cursor = urlsafe_b64encode(f"k1:{end}".encode()).decode() if more else None
        return JSONResponse({"data": page_of(rows, start, limit, False), "next_cursor": cursor, "has_more": more})

    def _error(self, status: int, code: str, message: str) -> Response:
        return JSONResponse({"error": {"code": code, "message": message}}, status)


def _start_of(cursor: str | None) -> int | None:
    if not cursor:
        return 0
    try:
        mark, _, number = urlsafe_b64decode(cursor.encode()).decode().partition(":")
    except ValueError:
        return None
    return int(number) if mark == "k1" and number.isdigit() and len(number) < 10 else None


class Damkar(Service):
    """Reports of the fire brigade."""

    app_id = "damkar"
    secrets = ("DAMKAR_USER", "DAMKAR_PASSWORD")
    drift = ("taksiran_kerugian",)

    def routes(self) -> list[Route]:
        return [Route("/laporan", self.reports)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Callout)
        wrong = flaws(rng, len(records), {"unknown_region": 2, "unmapped_kind": 2})
        for number, record in enumerate(records):
            defect, caller = wrong.get(number), record.caller
            place = ledger.places.village_by_code[record.village or ""]
            group, label = CALLOUTS[record.kind]
            unknown = defect == "unknown_region"
            minutes, seconds = divmod(record.response_seconds, 60)
            spent = f"00:{minutes:02d}" if record.response_meaning == "hh:mm" else f"{minutes:02d}:{seconds:02d}"
            body = {
                "no_laporan": record.record_id,
                "tanggal": f"{record.at:%d/%m/%Y}",
                "jam": f"{record.at:%H.%M}",
                "jenis": "LAIN2" if defect == "unmapped_kind" else group,
                "kejadian": label.format(record.object),
                "waktu_respon": spent,
                "kecamatan": "" if unknown else place.district.name,
                "desa": "" if unknown else place.name,
                "korban_luka": record.injured,
                "korban_meninggal": record.deaths,
                "taksiran_kerugian": None if record.loss is None else int(record.loss),
                "pelapor": {"nama": caller.name, "telepon": caller.phone},
            }
            yield Told(record.record_id, record.at.date(), body, None, defect, identity(caller, "name", "phone"))

    async def reports(self, request: Request) -> Response:
        access = self.city.access
        if not same(request.headers.get("authorization"), basic(access["DAMKAR_USER"], access["DAMKAR_PASSWORD"])):
            return JSONResponse({"pesan": "Login gagal"}, 401, {"WWW-Authenticate": 'Basic realm="Damkar 113"'})
        query = request.query_params
        page, size = whole(query.get("halaman"), 1, 1, 10**6), whole(query.get("ukuran"), 25, 1, 50)
        if page is None or size is None:
            return JSONResponse({"pesan": "halaman atau ukuran tidak valid"}, 400)
        rows = self.rows(request)
        pages = page + 1 if loops(request) else -(-len(rows) // size)
        laporan = page_of(rows, (page - 1) * size, size, loops(request))
        return JSONResponse({"halaman": page, "jumlah_halaman": pages, "laporan": laporan})


SERVICES = (SiNduk, EPuskesmas, Damkar)
