"""Papers handed over as files: wishes brought to the council (CSV) and registered associations (XML).

What was asked and who is registered belongs in `truth`; the workbooks of the district offices are in papers_paten.py.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import date, timedelta
from xml.sax.saxutils import escape, quoteattr

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from opg_pipeline.sandbox.access import basic, same
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, Told, fault_of, file_answer, flaws, identity
from opg_pipeline.sandbox.services.planning_answers import Stage, dotted, stages
from opg_pipeline.sandbox.truth.kominfo_voice import Proposal
from opg_pipeline.sandbox.truth.papers_offices import Association

FIELDS = {
    "infrastructure": "Infrastruktur",
    "agriculture": "Pertanian",
    "education": "Pendidikan",
    "economy": "Ekonomi Kreatif",
    "health": "Kesehatan",
}
STATES = {
    "open": "Usulan",
    "acknowledged": "Terverifikasi",
    "in_progress": "Masuk RKPD",
    "closed": "Terealisasi",
    "rejected": "Tidak Diakomodir",
}
COLUMNS = (
    "ID_USULAN",
    "DAPIL",
    "FRAKSI",
    "TGL_USUL",
    "PENGUSUL",
    "NO_HP",
    "ALAMAT",
    "DESA",
    "KECAMATAN",
    "BIDANG",
    "USULAN",
    "VOLUME",
    "PAGU",
    "OPD",
    "STATUS",
    "TGL_STATUS",
)
KINDS = {
    "community": "LSM",
    "foundation": "Yayasan",
    "society": "Perkumpulan",
    "religious": "Keagamaan",
    "youth": "Kepemudaan",
}
FOR_LIFE = ("seumur hidup", "Seumur Hidup", "SEUMUR HIDUP", "s/d seumur hidup")


class AspirasiDprd(Service):
    """Wishes taken up by the council; entered once by each faction."""

    app_id = "aspirasi_dprd"
    secrets = ("ASPIRASI_DPRD_USER", "ASPIRASI_DPRD_PASSWORD")
    paged = False

    def routes(self) -> list[Route]:
        return [Route("/ekspor/pokir.csv", self.sheet)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Proposal)
        wrong = flaws(rng, len(records), {"unmapped_status": 4, "unreadable_amount": 4, "impossible_date": 3})
        for number, record in enumerate(records):
            defect, person = wrong.get(number), record.proposer
            planted = identity(person, "name", "phone", "address")
            budget = "" if record.budget is None else f"Rp {dotted(record.budget)},00"
            if defect == "unreadable_amount":
                budget = rng.choice(("Rp ???", "menyesuaikan", "±150 jt"))
            for faction in record.factions:
                steps = []
                for status, day in (("open", record.at.date()), (record.status, record.changed_on)):
                    if day is None:
                        continue
                    label = "proses dewan" if defect == "unmapped_status" else STATES[status]
                    body = _line(ledger, record, faction, budget, label, day, defect)
                    last = day == record.changed_on or record.changed_on is None
                    steps.append(Stage(day, body, None, {} if last else {"status": status, "changed_on": None}))
                yield from stages(record.record_id, steps, defect, planted)

    async def sheet(self, request: Request) -> Response:
        access = self.city.access
        if not same(
            request.headers.get("authorization"), basic(access["ASPIRASI_DPRD_USER"], access["ASPIRASI_DPRD_PASSWORD"])
        ):
            return Response("401 Tidak berwenang", 401, {"WWW-Authenticate": 'Basic realm="SAE"'}, "text/plain")
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        changed = fault_of(request) == "changed_type"
        for row in self.rows(request):
            writer.writerow((*row.body[:3], "awal tahun lalu", *row.body[4:]) if changed else row.body)
        return file_answer(request, out.getvalue().encode("latin-1"), "text/csv; charset=iso-8859-1", self.city.today)


def _line(
    ledger: Ledger, record: Proposal, faction: str, budget: str, label: str, day: date, defect: str | None
) -> tuple[str, ...]:
    person, place = record.proposer, ledger.places.village_by_code[record.village or ""]
    return (
        record.record_id,
        f"Dapil {record.constituency}",
        faction,
        f"31-02-{record.at.year}" if defect == "impossible_date" else f"{record.at:%d-%m-%Y}",
        person.name,
        person.phone,
        person.household.address,
        place.name,
        place.district.name,
        FIELDS[record.kind],
        record.text,
        record.volume,
        budget,
        record.agency,
        label,
        f"{day:%d-%m-%Y}",
    )


class Siormas(Service):
    """Registered associations."""

    app_id = "siormas"
    secrets = ("SIORMAS_USER", "SIORMAS_PASSWORD")
    drift = ("jumlah_anggota",)
    paged = False

    def routes(self) -> list[Route]:
        return [Route("/data/ormas.xml", self.register)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Association)
        wrong = flaws(rng, len(records), {"unreadable_expiry": 3, "missing_name": 2})
        for number, record in enumerate(records):
            defect, chair = wrong.get(number), record.chair
            planted = identity(chair, "name", "phone", "address")
            ends = record.valid_until
            text = rng.choice(FOR_LIFE) if ends is None else f"{ends:%d/%m/%Y}"
            if defect == "unreadable_expiry":
                text = rng.choice(("5 th", "dlm proses", "-"))
            steps = [Stage(record.issued_on, _entry(ledger, record, text, "Aktif", defect))]
            if ends is not None and record.status == "inactive":
                steps[0] = steps[0]._replace(truth={"status": "active"})
                steps.append(Stage(ends + timedelta(days=1), _entry(ledger, record, text, "Kadaluarsa", defect)))
            yield from stages(record.record_id, steps, defect, planted, record.struck_off)

    async def register(self, request: Request) -> Response:
        access = self.city.access
        if not same(request.headers.get("authorization"), basic(access["SIORMAS_USER"], access["SIORMAS_PASSWORD"])):
            return Response(
                '<?xml version="1.0" encoding="UTF-8"?>\n<kesalahan kode="401">Nama pengguna atau sandi salah</kesalahan>\n',
                401,
                {"WWW-Authenticate": 'Basic realm="SIORMAS"'},
                "application/xml",
            )
        rows = self.rows(request)
        text = "\n".join(row.body for row in rows)
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<daftar_ormas jumlah="{len(rows)}">\n{text}\n</daftar_ormas>\n'
        return file_answer(request, body.encode(), "application/xml", self.city.today)


def _entry(ledger: Ledger, record: Association, expiry: str, status: str, defect: str | None) -> str:
    chair, place = record.chair, ledger.places.village_by_code[record.village or ""]
    name = "" if defect == "missing_name" else escape(f"{KINDS[record.kind]} {record.name}")
    kind = "Kelurahan" if place.urban else "Desa"
    where = f"{chair.household.address}, {kind} {place.name}, Kec. {place.district.name}"
    legal = f"<badan_hukum>{record.legal_number}</badan_hukum>" if record.legal_number else "<badan_hukum/>"
    return (
        f"<ormas nomor_skt={quoteattr(record.record_id)}><nama>{name}</nama><bentuk>{KINDS[record.kind]}</bentuk>{legal}"
        f"<ketua><nama>{escape(chair.name)}</nama><telepon>{chair.phone}</telepon></ketua>"
        f"<alamat>{escape(where)}</alamat>"
        f"<kecamatan>{place.district.name}</kecamatan><desa>{escape(place.name)}</desa>"
        f"<jumlah_anggota>{record.members}</jumlah_anggota><tgl_terbit>{record.issued_on:%d/%m/%Y}</tgl_terbit>"
        f"<berlaku_sampai>{expiry}</berlaku_sampai><status>{status}</status></ormas>"
    )


SERVICES = (AspirasiDprd, Siormas)
