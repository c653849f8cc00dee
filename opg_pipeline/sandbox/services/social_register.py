"""The state's social register (SIKS-NG / DTSEN): a CSV of each release in an encrypted ZIP behind a login.

Who is enrolled belongs in `truth`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from functools import lru_cache

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.city import City
from opg_pipeline.sandbox.doors import Session
from opg_pipeline.sandbox.faults import INSIDE
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, Told, fault_of, file_answer, flaws, identity, visible
from opg_pipeline.sandbox.services.permit_phases import phases
from opg_pipeline.sandbox.services.social_zipcrypto import encrypted_zip
from opg_pipeline.sandbox.truth.social import StateAid

CHANGE_OF_NAMES = "2026-1"
"""From this release on the columns have their new names."""
OLD_HEAD = "IDKPM;NIK;NOKK;NAMA;ALAMAT;NMKEC;NMDESA;DESIL;PROGRAM;NILAI;DISABILITAS;STS_KPM;TGL_MULAI;TGL_UPDATE"
NEW_HEAD = (
    "id_kepesertaan;nik;no_kk;nama_penerima;alamat;kecamatan;desa_kelurahan;desil_nasional;jenis_bansos;nilai_bantuan;"
    "penyandang_disabilitas;masih_menerima;tmt;tgl_pemutakhiran;keterangan"
)
STATES = {"active": "AKTIF", "suspended": "SUSPEND", "exited": "GRADUASI"}


def release_of(day: date) -> str:
    """The release a day falls into: half-years, `2026-1` and `2026-2`."""
    return f"{day.year}-{1 if day.month < 7 else 2}"


class SiksNg(Service):
    """Enrolments of the state's programmes."""

    app_id = "siks_ng"
    secrets = ("SIKS_NG_USER", "SIKS_NG_PASSWORD", "SIKS_NG_ZIP_PASSWORD")
    paged = False

    def __init__(self, city: City) -> None:
        super().__init__(city)
        access = city.access
        self.session = Session(
            city.doors, self.app_id, access["SIKS_NG_USER"], access["SIKS_NG_PASSWORD"], "/siks_ng/beranda"
        )

    def routes(self) -> list[Route]:
        return [
            Route("/login", self.login, methods=["GET", "POST"]),
            Route("/beranda", self.home),
            Route("/unduh/rilis", self.releases),
            Route("/unduh/dtsen.zip", self.archive),
        ]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, StateAid)
        counts = {"malformed_nik": 25, "decile_out_of_range": 20, "unknown_village": 30, "impossible_date": 10}
        wrong = flaws(rng, len(records), counts)
        planted_of = {
            person.nik: (*identity(person, "nik", "kk", "address"), ("name", person.name.upper()))
            for person in {record.recipient for record in records}
        }
        for number, record in enumerate(records):
            defect, person = wrong.get(number), record.recipient
            place = person.village
            planted = planted_of[person.nik]
            nik = person.nik
            if defect == "malformed_nik":
                nik = f"{nik[:-3]}"
                planted = (("nik", nik), *planted[1:])
            village = f"{place.name[:2]}xx{place.name[2:]}" if defect == "unknown_village" else place.name
            decile = 0 if defect == "decile_out_of_range" else record.decile
            release = release_of(record.at.date())
            new = release >= CHANGE_OF_NAMES
            head = (
                f"{record.record_id};{nik};{person.household.no_kk};{person.name.upper()};{person.household.address};"
                f"{place.district.name.upper()};{village.upper()};{decile};{record.programme};{record.amount}"
            )
            disabled = "Ya" if record.disabled else "Tidak"
            start = f"{record.at:%Y-%m-%d}" if new else f"{record.at:%d/%m/%Y}"
            if defect == "impossible_date":
                start = start.replace("-01", "-00", 1) if new else f"31/02/{record.at:%Y}"
            for phase in phases(
                record, record.changed_at, {"status": "active", "changed_at": record.at}, record.removed_on
            ):
                state = phase.state
                if new:
                    receives = "Ya" if state.status == "active" else "Tidak"
                    reason = "" if state.status == "active" else STATES[state.status]
                    tail = f"{disabled};{receives};{start};{state.changed_at:%Y-%m-%d};{reason}"
                else:
                    tail = f"{disabled};{STATES[state.status]};{start};{state.changed_at:%d/%m/%Y}"
                yield Told(
                    state.record_id,
                    phase.known_on,
                    f"{head};{tail}",
                    release,
                    defect,
                    planted,
                    phase.gone_on,
                    phase.truth,
                )

    async def login(self, request: Request) -> Response:
        return self.session.login_page() if request.method == "GET" else await self.session.login(request)

    async def home(self, request: Request) -> Response:
        return self.session.refusal(request) or HTMLResponse(
            '<!DOCTYPE html><title>SIKS-NG</title><a href="unduh/rilis">Rilis DTSEN</a>'
        )

    async def releases(self, request: Request) -> Response:
        refused = self.session.refusal(request)
        if refused is not None:
            return refused
        ledger = self.city.ledger
        found = _releases(ledger, self.city.today)
        return JSONResponse(
            {"rilis": [{"kode": code, "berkas": f"dtsen.zip?rilis={code}", "jumlah": count} for code, count in found]}
        )

    async def archive(self, request: Request) -> Response:
        refused = self.session.refusal(request)
        if refused is not None:
            return refused
        release = request.query_params.get("rilis", "")
        city, password = self.city, self.city.access["SIKS_NG_ZIP_PASSWORD"]
        if release not in dict(_releases(city.ledger, city.today)):
            return JSONResponse({"message": "Rilis tidak ditemukan"}, 404)
        if fault_of(request) not in (*INSIDE, "changed_type"):
            body = _archive(city.ledger, city.today, release, password)
        else:
            body = _packed(self.rows(request), release, password, fault_of(request) == "changed_type")
        return file_answer(request, body, "application/zip", city.today)


@lru_cache(maxsize=32)
def _releases(ledger: Ledger, today: date) -> list[tuple[str, int]]:
    counts: dict[str, int] = {}
    for row in visible(SiksNg, ledger, today):
        counts[row.order] = counts.get(row.order, 0) + 1
    return sorted(counts.items())


@lru_cache(maxsize=8)
def _archive(ledger: Ledger, today: date, release: str, password: str) -> bytes:
    return _packed(visible(SiksNg, ledger, today), release, password, False)


def _packed(rows: Sequence[Told], release: str, password: str, changed: bool) -> bytes:
    new = release >= CHANGE_OF_NAMES
    lines = [NEW_HEAD if new else OLD_HEAD, *(row.body for row in rows if row.order == release)]
    if changed:
        lines = [lines[0], *(_spelt(line) for line in lines[1:])]
    name = f"DTSEN_3522_{release}.csv"
    return encrypted_zip(name, "".join(f"{line}\r\n" for line in lines).encode(), password)


def _spelt(line: str) -> str:
    """The row with words where the decile was."""
    cells = line.split(";")
    return ";".join((*cells[:7], "desil satu", *cells[8:]))


SERVICES = (SiksNg,)
