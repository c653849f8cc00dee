"""Apps about families in need and in plan: SIMFONI-PPA (signed JSON by page) and SIGA/ELSIMIL (a wide workbook a year).

What happened to the families belongs in `truth`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import date

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.access import hmac_hex, same
from opg_pipeline.sandbox.city import City
from opg_pipeline.sandbox.doors import Session
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import (
    Service,
    Told,
    fault_of,
    file_answer,
    flaws,
    identity,
    loops,
    page_of,
    whole,
)
from opg_pipeline.sandbox.services.family_sheets import XLSX, Cell, workbook
from opg_pipeline.sandbox.services.village_life import state_truth, told_states
from opg_pipeline.sandbox.truth.family_care import FamilyIndicator, ProtectionCase

STAMP = "%Y-%m-%d %H:%M:%S"
SIGNED_FOR = 300
KINDS = {
    "physical": "Fisik",
    "psychological": "Psikis",
    "sexual": "Seksual",
    "neglect": "Penelantaran",
    "economic": "Eksploitasi Ekonomi",
    "trafficking": "TPPO",
    "cyber": "KBGO",
}
SCENES = {
    "home": "Rumah Tangga",
    "school": "Sekolah",
    "public_place": "Fasilitas Umum",
    "online": "Daring",
    "workplace": "Tempat Kerja",
}
GRAVITY = {"minor": "Ringan", "moderate": "Sedang", "severe": "Berat"}
VICTIMS = {"child": "ANAK", "woman": "PEREMPUAN DEWASA"}
STATES = {
    "registered": "Registrasi",
    "outreach": "Penjangkauan",
    "support": "Pendampingan",
    "referred": "Dirujuk",
    "closed": "Terminasi",
}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "Mei", "Jun", "Jul", "Agu", "Sep", "Okt", "Nov", "Des")
HEAD = ("No", "Kode Kecamatan", "Kecamatan", "Kode Indikator", "Indikator", "Satuan", *MONTHS)
WORDS = "seratus dua puluh"


class SimfoniPpa(Service):
    """Reports of violence against women and children. Every call is signed; the place is never more than the regency."""

    app_id = "simfoni_ppa"
    secrets = ("SIMFONI_PPA_CLIENT", "SIMFONI_PPA_SECRET")
    drift = ("tgl_input",)

    def routes(self) -> list[Route]:
        return [Route("/api/v2/kasus", self.cases)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, ProtectionCase)
        wrong = flaws(rng, len(records), {"malformed_nik": 2, "unmapped_kind": 2, "missing_input_time": 1})
        for number, record in enumerate(records):
            defect, victim = wrong.get(number), record.victim
            nik = victim.nik[:-1] if defect == "malformed_nik" else victim.nik
            for known, gone, state, at in told_states(record.history):
                body = {
                    "no_kasus": record.record_id,
                    "tahun_kejadian": record.happened_year,
                    "tgl_input": None if defect == "missing_input_time" else f"{record.at:{STAMP}}",
                    "tgl_ubah": f"{at:{STAMP}}",
                    "wilayah": {"kode": "3522", "nama": "KABUPATEN BOJONEGORO"},
                    "jenis_kekerasan": "Lain-lain (ket)" if defect == "unmapped_kind" else KINDS[record.kind],
                    "tempat_kejadian": SCENES[record.scene],
                    "tingkat": GRAVITY[record.severity],
                    "terverifikasi": record.verified,
                    "korban": {
                        "nik": nik,
                        "nama": victim.name,
                        "jenis_kelamin": victim.sex,
                        "usia": record.victim_age,
                        "kategori": VICTIMS[record.victim_class],
                        "alamat": victim.household.address,
                    },
                    "status_layanan": STATES[state],
                }
                planted = (("nik", nik), *identity(victim, "name", "address"))
                truth = state_truth(record.history, state, at)
                yield Told(record.record_id, known, body, at.date(), defect, planted, gone, truth)

    async def cases(self, request: Request) -> Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return JSONResponse({"status": False, "pesan": refusal}, 401)
        query = request.query_params
        page, size = whole(query.get("halaman"), 1, 1, 10**6), whole(query.get("per_halaman"), 25, 1, 500)
        try:
            since = date.fromisoformat(query.get("diubah_sejak") or "0001-01-01")
        except ValueError:
            since = None
        if page is None or size is None or since is None:
            return JSONResponse({"status": False, "pesan": "parameter tidak sesuai"}, 422)
        rows = [row for row in self.rows(request) if row.order >= since]
        return JSONResponse(
            {
                "status": True,
                "halaman": page,
                "per_halaman": size,
                "total": 10**6 if loops(request) else len(rows),
                "data": page_of(rows, (page - 1) * size, size, loops(request)),
            }
        )

    def _refusal(self, request: Request) -> str | None:
        """Why the signature is not accepted; None where it is."""
        headers, access = request.headers, self.city.access
        stamp = whole(headers.get("x-timestamp"), -1, 0, 10**11)
        if not same(headers.get("x-client-id"), access["SIMFONI_PPA_CLIENT"]):
            return "client tidak dikenal"
        if stamp is None or abs(time.time() - stamp) > SIGNED_FOR:
            return "timestamp di luar batas 5 menit"
        path = request.scope["raw_path"].decode("ascii").partition("?")[0]
        message = "\n".join((request.method, path, request.scope["query_string"].decode("ascii"), str(stamp)))
        wanted = hmac_hex(access["SIMFONI_PPA_SECRET"], message)
        return None if same(headers.get("x-signature"), wanted) else "signature tidak cocok"


class ElsimilSiga(Service):
    """Figures of family planning: a workbook a year with the months as columns, each added up since January."""

    app_id = "elsimil_siga"
    secrets = ("ELSIMIL_SIGA_USER", "ELSIMIL_SIGA_PASSWORD")
    paged = False

    def __init__(self, city: City) -> None:
        super().__init__(city)
        access = city.access
        self.session = Session(
            city.doors,
            self.app_id,
            access["ELSIMIL_SIGA_USER"],
            access["ELSIMIL_SIGA_PASSWORD"],
            f"/{self.app_id}/beranda",
        )

    def routes(self) -> list[Route]:
        return [
            Route("/login", self.login, methods=["GET", "POST"]),
            Route("/beranda", self.home),
            Route("/ekspor/tahun", self.years),
            Route("/ekspor/kecamatan", self.year),
        ]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, FamilyIndicator)
        reported = [record.record_id for record in records if record.value is not None]
        found = flaws(rng, len(reported), {"unreadable_value": 4, "falls_back": 3})
        wrong = {reported[number]: defect for number, defect in found.items()}
        for record in records:
            defect = wrong.get(record.record_id)
            value: Cell = "-" if record.value is None else record.value
            if defect == "unreadable_value":
                value = rng.choice(("#REF!", "blm setor", "#DIV/0!"))
            elif defect == "falls_back":
                value = 1
            district = ledger.places.district_by_code[record.district or ""]
            line = (district.code, district.name, record.indicator_code, record.indicator, record.measure_unit)
            yield Told(record.record_id, record.at.date(), (record.year, line, record.month, value), None, defect)

    async def login(self, request: Request) -> Response:
        return await self.session.login(request) if request.method == "POST" else self.session.login_page()

    async def home(self, request: Request) -> Response:
        return self.session.refusal(request) or HTMLResponse("<h1>SIGA</h1><a href='ekspor/tahun'>Ekspor</a>")

    async def years(self, request: Request) -> Response:
        refusal = self.session.refusal(request)
        return refusal or JSONResponse({"tahun": sorted({row.body[0] for row in self.rows()})})

    async def year(self, request: Request) -> Response:
        refusal = self.session.refusal(request)
        if refusal is not None:
            return refusal
        year = whole(request.query_params.get("tahun"), self.city.today.year, 1900, 2999)
        if year is None:
            return JSONResponse({"message": "tahun tidak valid"}, 422)
        rows = [row.body for row in self.rows(request) if row.body[0] == year]
        return file_answer(request, _wide(year, rows, fault_of(request) == "changed_type"), XLSX, self.city.today)


def _wide(year: int, cells: Sequence[tuple[int, tuple[str, ...], int, Cell]], changed: bool) -> bytes:
    """One line for each district and indicator, one column for each month."""
    lines: dict[tuple[str, ...], list[Cell]] = {}
    for _, line, month, value in cells:
        lines.setdefault(line, [None] * 12)[month - 1] = WORDS if changed else value
    table: list[Sequence[Cell]] = [
        ("LAPORAN KUMULATIF PENGENDALIAN LAPANGAN",),
        (f"KABUPATEN BOJONEGORO TAHUN {year}",),
        HEAD,
    ]
    table += [(number, *line, *values) for number, (line, values) in enumerate(sorted(lines.items()), 1)]
    return workbook("Kumulatif", table, ("A1:R1", "A2:R2"))


SERVICES = (SimfoniPpa, ElsimilSiga)
