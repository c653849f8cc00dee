"""The mock city: 80 paged JSON services in one cheap process, every answer precomputed. Standard library only.

`python benchmarks/server.py --rows 2000` prints one line of JSON with its port and serves until its input is closed.
What it costs to make a record must not be part of what is measured, so a few distinct apps are generated and the
others are copies of them with their own identifiers and phone numbers, put in by byte replacement.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

APPS = 80
PAGE = 1000
TEMPLATES = 5
SEED = 3522
SLOT = b"#A#"  # three bytes that stand for the number of the app until it is known

KINDS = ("JLN", "JMB", "LMP", "SMP", "AIR", "DRN", "PHN", "KTP", "KSH", "PDD", "PJK", "LIN")
STATUSES = ("Baru", "Diterima", "Diproses", "Selesai", "Ditolak")
# Names after idn-area-data 4.0.1 (ODbL 1.0), a few villages of a few districts.
VILLAGES = {
    "Dander": ("Ngunut", "Growok", "Sumberarum", "Kunci", "Jatiblimbing", "Ngraseh", "Mojoranu"),
    "Balen": ("Sidobandung", "Mayangkawis", "Kenep", "Pohbogo", "Penganten", "Bulaklo", "Kemamang"),
    "Kapas": ("Kumpulrejo", "Bendo", "Padangmentoyo", "Tapelan", "Bangilan", "Sembung", "Wedi"),
    "Bojonegoro": ("Jetak", "Mojokampung", "Kepatihan", "Sumbang", "Klangon", "Ledok Kulon", "Kadipaten"),
    "Kalitidu": ("Sumengko", "Mlaten", "Talok", "Brenggolo", "Grebegan", "Wotanngare", "Panjunan"),
    "Padangan": ("Tebon", "Prangi", "Purworejo", "Ngeper", "Ngasinan", "Cendono", "Sidorejo"),
    "Baureno": ("Drajat", "Banjaranyar", "Ngemplak", "Sraturejo", "Blongsong", "Trojalu", "Selorejo"),
    "Sumberrejo": ("Tlogohaji", "Ngampal", "Kedungrejo", "Mlinjeng", "Banjarejo", "Kayulemah", "Teleng"),
    "Gayam": ("Begadon", "Ringintunggal", "Mojodelik", "Brabowan", "Bonorejo", "Beged", "Katur"),
    "Temayang": ("Kedungsumber", "Papringan", "Soko", "Pandantoyo", "Belun", "Bakulan", "Jono"),
    "Kanor": ("Semambung", "Tambahrejo", "Piyak", "Kabalan", "Cangaan", "Sarangan", "Simbatan"),
    "Trucuk": ("Banjarsari", "Tulungrejo", "Mori", "Padang", "Guyangan", "Sranak", "Sumbangtimun"),
}
OPENINGS = (
    "Jalan berlubang cukup dalam",
    "Lampu penerangan jalan padam",
    "Sampah menumpuk dan berbau",
    "Saluran air tersumbat dan meluap ke jalan",
    "Pohon tumbang menutup badan jalan",
    "Air bersih tidak mengalir",
    "Jembatan kayu sudah lapuk",
    "Antrean panjang di loket pelayanan",
)
LANDMARKS = ("pasar", "balai desa", "masjid", "puskesmas", "lapangan", "terminal", "sekolah dasar", "waduk")
ENDINGS = (
    "mohon segera ditindaklanjuti",
    "sangat membahayakan pengendara motor",
    "sudah pernah dilaporkan tetapi belum ada perbaikan",
    "anak sekolah kesulitan melewati lokasi tersebut",
    "terima kasih atas perhatian dan kerja samanya",
    "warga siap membantu kerja bakti bila diperlukan",
)


def template(number: int, rows: int) -> list[bytes]:
    """The rows of one distinct app, each already encoded, with SLOT where the number of the app goes."""
    rng = random.Random(SEED + number)
    slot = SLOT.decode()
    places = [(district, village) for district, villages in VILLAGES.items() for village in villages]
    first = datetime(2025, 1, 1)
    encoded = []
    for row in range(rows):
        district, village = rng.choice(places)
        requested = first + timedelta(minutes=rng.randrange(300 * 24 * 60))
        status = rng.choice(STATUSES)
        done = requested + timedelta(minutes=rng.randrange(30, 40 * 24 * 60))
        phone = f"0812{rng.randrange(100_000):05d}{slot}"
        seen = f"dekat {rng.choice(LANDMARKS)} {village} sekitar pukul {rng.randrange(24):02d}.{rng.randrange(60):02d}"
        text = f"{rng.choice(OPENINGS)} {seen}, {rng.choice(ENDINGS)}"
        if row % 100 == 50:
            text += f". Hubungi {phone}"
        amount = f"{rng.randrange(10_000, 9_999_999):,}".replace(",", ".")
        record = {
            "id": f"SR-{slot}-{row:06d}",
            "jenis": rng.choice(KINDS),
            "status": status,
            "tanggal": requested.strftime("%d/%m/%Y %H:%M"),
            "tanggal_selesai": done.strftime("%d/%m/%Y %H:%M") if status in ("Selesai", "Ditolak") else None,
            "uraian": text,
            "hp": phone,
            "kecamatan": district,
            "desa": village,
            "biaya": f"Rp {amount}",
            "lat": round(rng.uniform(-7.35, -6.98), 6),
            "long": round(rng.uniform(111.45, 112.15), 6),
        }
        encoded.append(json.dumps(record, separators=(",", ":")).encode())
    return encoded


def page_body(rows: list[bytes], offset: int, limit: int, app: int) -> bytes:
    """One answer: `limit` rows from `offset`, and how many there are in all."""
    data = b",".join(rows[offset : offset + limit]).replace(SLOT, b"%03d" % app)
    return b'{"data":[%b],"meta":{"total":%d}}' % (data, len(rows))


def response(status: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (status, len(body), body)


class City:
    """All answers, and how many were asked for."""

    def __init__(self, apps: int, rows: int) -> None:
        self.apps = apps
        self.templates = [template(number, rows) for number in range(min(TEMPLATES, apps))]
        self.ready: dict[bytes, bytes] = {}
        self.requests = 0
        self.sent = 0
        for app in range(apps):
            for offset in range(0, rows, PAGE):
                self.page(app, offset, PAGE)

    def page(self, app: int, offset: int, limit: int) -> bytes:
        target = b"/app%03d/records?offset=%d&limit=%d" % (app, offset, limit)
        if target not in self.ready:
            rows = self.templates[app % len(self.templates)]
            self.ready[target] = response(b"200 OK", page_body(rows, offset, limit, app))
        return self.ready[target]

    def answer(self, target: bytes) -> bytes:
        """The whole response for a request target, `/app007/records?offset=0&limit=1000`."""
        known = self.ready.get(target)
        if known is None:
            known = self.other(target)
        self.requests += 1
        self.sent += len(known)
        return known

    def other(self, target: bytes) -> bytes:
        parts = urlsplit(target.decode("ascii", "replace"))
        if parts.path == "/_stats":
            body = json.dumps({"requests": self.requests, "bytes": self.sent}).encode()
            self.requests, self.sent = -1, -len(response(b"200 OK", body))  # this answer does not count itself
            return response(b"200 OK", body)
        name, _, rest = parts.path.strip("/").partition("/")
        if not (name.startswith("app") and name[3:].isdigit() and int(name[3:]) < self.apps and rest == "records"):
            return response(b"404 Not Found", b'{"error":"no such app"}')
        query = parse_qs(parts.query)
        try:
            offset = int(query.get("offset", ["0"])[0])
            limit = int(query.get("limit", [str(PAGE)])[0])
        except ValueError:
            return response(b"400 Bad Request", b'{"error":"offset and limit are numbers"}')
        return self.page(int(name[3:]), max(offset, 0), min(max(limit, 1), PAGE))


class Connection(asyncio.Protocol):
    """Just enough of HTTP/1.1: GET without a body, connections stay open."""

    def __init__(self, city: City) -> None:
        self.city = city
        self.transport: asyncio.Transport | None = None
        self.pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        assert self.transport is not None
        self.pending += data
        while b"\r\n\r\n" in self.pending:
            head, _, self.pending = self.pending.partition(b"\r\n\r\n")
            words = head.split(b"\r\n", 1)[0].split(b" ")
            if len(words) != 3 or words[0] != b"GET":
                self.transport.write(response(b"405 Method Not Allowed", b""))
                self.transport.close()
                return
            self.transport.write(self.city.answer(words[1]))


async def serve(apps: int, rows: int) -> None:
    city = City(apps, rows)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(city), "127.0.0.1", 0, backlog=512)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"port": port, "bytes": sum(len(body) for body in city.ready.values())}), flush=True)
    await loop.run_in_executor(None, sys.stdin.buffer.read)  # whoever started it goes, it goes
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2000, help="rows of each app")
    parser.add_argument("--apps", type=int, default=APPS)
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.apps, arguments.rows))


if __name__ == "__main__":
    main()
