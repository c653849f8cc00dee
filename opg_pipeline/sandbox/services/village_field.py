"""Apps of officers in the field: vehicle tests (SOAP), animal disease reports (JSON by page) and the environment (JSON by page).

What the officers met belongs in `truth`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from random import Random
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.access import basic, same
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, Told, flaws, identity, loops, page_of, whole
from opg_pipeline.sandbox.services.village_life import state_truth, told_states
from opg_pipeline.sandbox.truth.village_field import AnimalReport, EnvironmentReading, VehicleTest

DAY = "%Y%m%d"
STAMP = "%Y-%m-%d %H:%M:%S"
ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
PKB = "urn:pkb:layanan:v2"
TESTS = {
    "first": ("U1", "Uji Pertama"),
    "periodic": ("U2", "Uji Berkala"),
    "visiting": ("NU", "Numpang Uji"),
    "transfer": ("MT", "Mutasi"),
}
VEHICLES = {
    "pickup": "MOBIL BARANG PICK UP",
    "truck": "MOBIL BARANG TRUK",
    "bus": "MOBIL BUS",
    "trailer": "KERETA TEMPELAN",
    "box": "MOBIL BARANG BOX",
}
TEST_STATES = {
    "registered": "DAFTAR",
    "paid": "BAYAR RETRIBUSI",
    "passed": "LULUS UJI",
    "failed": "TIDAK LULUS",
    "withdrawn": "BATAL",
}
SYNDROMES = {
    "lameness_drooling": ("PLLG", "Pincang, lepuh, liur"),
    "skin_nodules": ("BNJL", "Benjolan pada kulit"),
    "sudden_death": ("MTMD", "Mati mendadak"),
    "diarrhoea": ("DIARE", "Diare"),
    "abortion": ("KGR", "Keguguran"),
    "nervous_signs": ("SYRF", "Gejala syaraf"),
    "respiratory": ("NFAS", "Gangguan nafas"),
}
SPECIES = {
    "cattle": "SP",
    "buffalo": "KB",
    "goat": "KM",
    "sheep": "DB",
    "chicken": "AY",
    "duck": "IT",
    "dog": "AJ",
    "cat": "KC",
}
AIR = {"pm25": "PM2.5", "pm10": "PM10", "so2": "SO2", "no2": "NO2"}


class EKir(Service):
    """Vehicle tests as SOAP: a login gives a session, the session opens the list."""

    app_id = "e_kir"
    secrets = ("E_KIR_USER", "E_KIR_PASSWORD")
    drift = ("pkb:TglDaftar",)

    def routes(self) -> list[Route]:
        return [Route("/services/UjiBerkala", self.call, methods=["POST"])]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, VehicleTest)
        wrong = flaws(
            rng, len(records), {"impossible_date": 4, "unmapped_status": 5, "unknown_village": 4, "malformed_nik": 3}
        )
        for number, record in enumerate(records):
            defect, owner = wrong.get(number), record.owner
            place = ledger.places.village_by_code[record.village or ""]
            code, name = TESTS[record.test]
            plate = _spaced(rng, record.plate)
            nik = owner.nik[:-3] if defect == "malformed_nik" else owner.nik
            village = f"{place.name[:2]}xx{place.name[2:]}" if defect == "unknown_village" else place.name
            submitted = f"{record.at:%Y}0230" if defect == "impossible_date" else f"{record.at:{DAY}}"
            planted = (("nik", nik), ("account", plate), *identity(owner, "name", "phone", "address"))
            for known, gone, state, at in told_states(record.history):
                final = (state, at) == record.history[-1]
                tested = f"{record.tested_on:{DAY}}" if final and record.tested_on else ""
                until = f"{record.valid_until:{DAY}}" if final and record.valid_until else ""
                body = (
                    f"<pkb:Uji><pkb:NoPendaftaran>{record.record_id}</pkb:NoPendaftaran>"
                    f"<pkb:KodeLayanan>{code}</pkb:KodeLayanan><pkb:JenisLayanan>{name}</pkb:JenisLayanan>"
                    f"<pkb:NoKendaraan>{plate}</pkb:NoKendaraan>"
                    f"<pkb:JenisKendaraan>{VEHICLES[record.vehicle]}</pkb:JenisKendaraan>"
                    f"<pkb:Pemilik><pkb:Nama><![CDATA[{owner.name}]]></pkb:Nama><pkb:NIK>{nik}</pkb:NIK>"
                    f"<pkb:BadanUsaha><![CDATA[{record.of_business or ''}]]></pkb:BadanUsaha>"
                    f"<pkb:Telepon>{owner.phone}</pkb:Telepon>"
                    f"<pkb:Alamat><![CDATA[{owner.household.address} <{place.name} & sekitarnya>]]></pkb:Alamat></pkb:Pemilik>"
                    f"<pkb:Kecamatan>{escape(place.district.name)}</pkb:Kecamatan><pkb:Desa>{escape(village)}</pkb:Desa>"
                    f"<pkb:Status>{'ANTRI JBB' if defect == 'unmapped_status' else TEST_STATES[state]}</pkb:Status>"
                    f"<pkb:TglDaftar>{submitted}</pkb:TglDaftar><pkb:TglUji>{tested}</pkb:TglUji>"
                    f"<pkb:BerlakuSampai>{until}</pkb:BerlakuSampai><pkb:TglUbah>{at:{DAY}}</pkb:TglUbah></pkb:Uji>"
                )
                truth = state_truth(record.history, state, at)
                if truth:
                    truth |= {"tested_on": None, "valid_until": None}
                yield Told(record.record_id, known, body, f"{at:{DAY}}", defect, planted, gone, truth)

    async def call(self, request: Request) -> Response:
        try:
            envelope = ElementTree.fromstring(await request.body())
        except ElementTree.ParseError:
            return _fault(500, "Client", "Pesan SOAP tidak dapat dibaca")
        if envelope.find("{*}Body/{*}Login") is not None:
            return self._login(request, envelope)
        wanted = envelope.find("{*}Body/{*}DaftarUji")
        if wanted is None:
            return _fault(500, "Client", "Operasi tidak dikenal")
        if not self.city.doors.admits(self.app_id, envelope.findtext("{*}Header/{*}SessionId")):
            return _fault(401, "Client.Session", "SessionId tidak dikenal atau sudah berakhir")
        page = whole(wanted.findtext("{*}Halaman"), 1, 1, 10**6)
        size = whole(wanted.findtext("{*}JumlahPerHalaman"), 50, 1, 500)
        since = wanted.findtext("{*}DiubahSejak") or "00000000"
        if page is None or size is None or not re.fullmatch(r"\d{8}", since):
            return _fault(500, "Client", "Halaman, JumlahPerHalaman atau DiubahSejak tidak valid")
        rows = [row for row in self.rows(request) if row.order >= since]
        pages = page + 1 if loops(request) else -(-len(rows) // size)
        tests = "\n".join(page_of(rows, (page - 1) * size, size, loops(request)))
        return _envelope(
            f"<pkb:DaftarUjiResponse><pkb:Halaman>{page}</pkb:Halaman><pkb:JumlahHalaman>{pages}</pkb:JumlahHalaman>"
            f"<pkb:JumlahData>{len(rows)}</pkb:JumlahData><pkb:DaftarHasil>\n{tests}\n</pkb:DaftarHasil></pkb:DaftarUjiResponse>"
        )

    def _login(self, request: Request, envelope: ElementTree.Element) -> Response:
        access = self.city.access
        user, password = access["E_KIR_USER"], access["E_KIR_PASSWORD"]
        by_header = same(request.headers.get("authorization"), basic(user, password))
        form = envelope.find("{*}Body/{*}Login")
        by_body = form is not None and (
            same(form.findtext("{*}Pengguna"), user) and same(form.findtext("{*}Sandi"), password)
        )
        if not (by_header or by_body):
            return _fault(401, "Client.Login", "Pengguna atau sandi salah")
        session = self.city.doors.issue(self.app_id)
        return _envelope(f"<pkb:LoginResponse><pkb:SessionId>{session}</pkb:SessionId></pkb:LoginResponse>")


def _spaced(rng: Random, plate: str) -> str:
    """A plate as clerks type it: with one blank, with several, or with none."""
    return rng.choice((plate, plate, plate, plate.replace(" ", ""), plate.replace(" ", "  "), plate.lower()))


def _envelope(body: str, status: int = 200) -> Response:
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<soapenv:Envelope xmlns:soapenv="{ENVELOPE}" xmlns:pkb="{PKB}">'
        f"<soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>\n"
    )
    headers = {"WWW-Authenticate": 'Basic realm="SIM-PKB"'} if status == 401 else None
    return Response(text, status, headers, "text/xml")


def _fault(status: int, code: str, message: str) -> Response:
    detail = f"<faultcode>soapenv:{code}</faultcode><faultstring>{message}</faultstring>"
    return _envelope(f"<soapenv:Fault>{detail}</soapenv:Fault>", status)


class Isikhnas(Service):
    """Animal disease reports, sent as coded text messages and partly decoded."""

    app_id = "isikhnas"
    secrets = ("ISIKHNAS_KEY",)
    drift = ("jml_sakit",)

    def routes(self) -> list[Route]:
        return [Route("/api/laporan", self.reports)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, AnimalReport)
        wrong = flaws(rng, len(records), {"undecoded_sms": 8, "unknown_location": 5, "future_date": 2})
        for number, record in enumerate(records):
            defect, person = wrong.get(number), record.reporter
            code, label = SYNDROMES[record.syndrome]
            species = SPECIES[record.species]
            place = "3522999999" if defect == "unknown_location" else (record.village or "").replace(".", "")
            sms = f"U {code} {species} {record.sick} {place}" + (f" MATI {record.dead}" if record.dead else "")
            undecoded = defect == "undecoded_sms"
            year = record.at.year + 50 if defect == "future_date" else record.at.year
            body = {
                "id_laporan": int(record.record_id),
                "waktu_terima": f"{year}{record.at:-%m-%d %H:%M:%S}",
                "isi_sms": sms.replace(" ", "", 2) if undecoded else sms,
                "kode_tanda": None if undecoded else code,
                "tanda": None if undecoded else label,
                "kode_spesies": None if undecoded else species,
                "jml_sakit": None if undecoded else record.sick,
                "jml_mati": None if undecoded else record.dead,
                "kode_lokasi": place,
                "pelapor": person.name if record.organisation is None else record.organisation,
                "jenis_pelapor": "ORANG" if record.organisation is None else "LEMBAGA",
                "no_hp": person.phone if record.organisation is None else None,
            }
            planted = identity(person, "name", "phone") if record.organisation is None else ()
            yield Told(record.record_id, record.at.date(), body, int(record.record_id), defect, planted)

    async def reports(self, request: Request) -> Response:
        query = request.query_params
        if not same(query.get("api_key"), self.city.access["ISIKHNAS_KEY"]):
            return JSONResponse({"kode": 403, "pesan": "api_key tidak terdaftar"}, 403)
        page, size = whole(query.get("halaman"), 1, 1, 10**6), whole(query.get("baris"), 50, 1, 500)
        after = whole(query.get("setelah_id"), 0, 0, 10**11)
        if page is None or size is None or after is None:
            return JSONResponse({"kode": 400, "pesan": "halaman, baris atau setelah_id tidak valid"}, 400)
        rows = [row for row in self.rows(request) if row.order > after or loops(request)]
        total = 10**7 if loops(request) else len(rows)
        found = page_of(rows, (page - 1) * size, size, loops(request))
        return JSONResponse({"kode": 200, "total": total, "halaman": page, "hasil": found})


class SipsnDlh(Service):
    """Tonnes of waste and the air at stations; 0 means that nothing was measured."""

    app_id = "sipsn_dlh"
    secrets = ("SIPSN_DLH_USER", "SIPSN_DLH_PASSWORD")
    drift = ("nilai", "jumlah_produksi_sampah")

    def routes(self) -> list[Route]:
        return [Route("/api/sampah", self.waste), Route("/api/ispu", self.air)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, EnvironmentReading)
        measured = [record.record_id for record in records if record.value is not None]
        found = flaws(rng, len(measured), {"missing_unit": 4, "negative_value": 4, "unreadable_value": 3})
        wrong = {measured[number]: defect for number, defect in found.items()}
        for record in records:
            defect = wrong.get(record.record_id)
            district = ledger.places.district_by_code[record.district or ""]
            waste = record.measured == "waste"
            by_weight = waste and not record.station.startswith("TPA")
            value = (record.value or Decimal(0)) * (1000 if by_weight else 1)
            value = -value if defect == "negative_value" else value
            written: float | str = "ERR" if defect == "unreadable_value" else float(value)
            unit = "" if defect == "missing_unit" else "kg" if by_weight else "ton/hari" if waste else "µg/m3"
            place = {"kecamatan": district.name, "kode_kecamatan": district.code.replace(".", "")}
            if waste:
                body: dict[str, object] = {
                    "id": record.record_id,
                    "kode_lokasi": record.station,
                    "nama_lokasi": record.station_name,
                    **place,
                    "tanggal": f"{record.at:%Y-%m-%d}",
                    "jumlah_produksi_sampah": written,
                    "satuan": unit,
                }
            else:
                body = {
                    "id": record.record_id,
                    "kode_stasiun": record.station,
                    "stasiun": record.station_name,
                    **place,
                    "parameter": AIR[record.measured],
                    "nilai": written,
                    "satuan": unit,
                    "waktu": f"{record.at:{STAMP}}",
                }
            yield Told(record.record_id, record.at.date(), body, f"{record.at:{STAMP}}", defect)

    async def waste(self, request: Request) -> Response:
        return self._page(request, "jumlah_produksi_sampah")

    async def air(self, request: Request) -> Response:
        return self._page(request, "nilai")

    def _page(self, request: Request, field: str) -> Response:
        access = self.city.access
        wanted = basic(access["SIPSN_DLH_USER"], access["SIPSN_DLH_PASSWORD"])
        if not same(request.headers.get("authorization"), wanted):
            return JSONResponse({"error": "Unauthorized"}, 401, {"WWW-Authenticate": 'Basic realm="SIPSN"'})
        query = request.query_params
        page, size = whole(query.get("page"), 1, 1, 10**6), whole(query.get("limit"), 50, 1, 1000)
        since = query.get("sejak") or "0001-01-01 00:00:00"
        if page is None or size is None or not _is_stamp(since):
            return JSONResponse({"error": "page, limit atau sejak (yyyy-mm-dd hh:mm:ss) tidak valid"}, 400)
        rows = [row for row in self.rows(request) if field in row.body and row.order >= since]
        last = page + 1 if loops(request) else -(-len(rows) // size)
        found = page_of(rows, (page - 1) * size, size, loops(request))
        return JSONResponse({"data": found, "page": page, "last_page": last, "total": len(rows)})


def _is_stamp(text: str) -> bool:
    try:
        return bool(datetime.strptime(text, STAMP))
    except ValueError:
        return False


SERVICES = (EKir, Isikhnas, SipsnDlh)
