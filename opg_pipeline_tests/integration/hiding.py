"""Places where an app can hide personal data: for each a dataset, what its app answers, and six planted values of its own.

The names are made of syllables, so that no name of one place stands in another's.
"""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape

from openpyxl import Workbook  # type: ignore[import-untyped,unused-ignore]
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

Row = dict[str, Any]
_SYLLABLES = ("ba", "du", "gi", "jo", "ka", "li", "mu", "na", "po", "ra")
PERSONAL = ["nik", "no_kk", "no_hp", "email", "nama", "no_rekening"]
_KINDS = {"nik": "nik", "no_kk": "kk", "no_hp": "phone", "email": "email", "nama": "name", "no_rekening": "account"}


@dataclass(frozen=True)
class Person:
    """Six values that stand in one place only, by the names that apps give them."""

    number: int

    @property
    def values(self) -> dict[str, str]:
        n = self.number
        word = _SYLLABLES[n // 10] + _SYLLABLES[n % 10]
        return {
            "nik": f"352215010190{4000 + n}",
            "no_kk": f"352215020304{6000 + n}",
            "no_hp": f"0812345{60000 + n}",
            "email": f"wi{word}.ke{word}@surat.example",
            "nama": f"Wi{word}tama Ke{word}sono",
            "no_rekening": f"00714455{8800 + n}",
        }

    @property
    def planted(self) -> list[dict[str, str]]:
        return [{"kind": _KINDS[name], "value": value} for name, value in self.values.items()]

    @property
    def prose(self) -> str:
        """The six in a sentence."""
        v = self.values
        return (
            f"Saya {v['nama']} (NIK {v['nik']}, KK {v['no_kk']}) minta dihubungi di {v['no_hp']} atau {v['email']}, "
            f"rekening {v['no_rekening']}, karena lampu padam"
        )

    @property
    def query(self) -> str:
        """The six as parameters of an address."""
        return urlencode(self.values)


def rows(count: int = 4) -> list[Row]:
    """Harmless records."""
    return [
        {
            "no": f"R-{n}",
            "jenis": "jalan",
            "status": "Selesai",
            "tgl": f"0{n + 1}/11/2026 10:00:00",
            "isi": "lampu padam",
        }
        for n in range(count)
    ]


Answer = Callable[[Request, Person], Response]


@dataclass(frozen=True)
class Place:
    """One hiding place.

    ``dataset``: what its manifest says over :data:`PLAIN`. ``ends``: outcomes that are right. ``archived``: whether the answer is kept
    in raw, so that the values are found there with the key.
    """

    answer: Answer
    dataset: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    source: dict[str, Any] = field(default_factory=dict)
    ends: tuple[str, ...] = ("new_records",)
    archived: bool = True


PLAIN: dict[str, Any] = {
    "id": "reports",
    "path": "/data",
    "nature": "event",
    "category": "service_request",
    "key": ["no"],
}
FIELDS: dict[str, Any] = {
    "service_request_id": "no",
    "service_code": "jenis",
    "status": {"from": "status", "map": {"Selesai": "closed"}, "otherwise": "open"},
    "requested_datetime": {"from": "tgl", "parse": "datetime"},
    "description": "isi",
}
STRICT = {"from": "status", "map": {"Selesai": "closed"}}


def _each(change: Callable[[Row, Person], Row], count: int = 4) -> Answer:
    """JSON whose every record is changed."""
    return lambda request, person: JSONResponse([change(row, person) for row in rows(count)])


def _one(change: Callable[[Row, Person], Row], count: int = 20) -> Answer:
    """JSON of which the first record is changed: a slip, not a field."""

    def answer(request: Request, person: Person) -> Response:
        found = rows(9)
        every = [{**found[n % 9], "no": f"R-{n}"} for n in range(count)]
        return JSONResponse([change(every[0], person), *every[1:]])

    return answer


def _text(make: Callable[[Person], str | bytes], kind: str, status: int = 200, **headers: str) -> Answer:
    return lambda request, person: Response(make(person), status, headers, media_type=kind)


def _csv(table: list[list[str]]) -> str:
    return "\n".join(",".join(f'"{cell}"' for cell in row) for row in table) + "\n"


def _table(extra: Callable[[Person], list[tuple[str, str]]]) -> Callable[[Person], list[list[str]]]:
    """Header and rows of the harmless records with further columns."""

    def made(person: Person) -> list[list[str]]:
        more = extra(person)
        head = [*rows(1)[0], *(name for name, _ in more)]
        return [head, *([*row.values(), *(value for _, value in more)] for row in rows())]

    return made


def _workbook(person: Person, *, sheets: bool = False, head: bool = False, cells: bool = False) -> bytes:
    book, values = Workbook(), list(person.values.items())
    sheet = book.active
    assert sheet is not None
    sheet.title = "Data"
    more = values if cells else [(value, "1") for _, value in values] if head else []
    for line in _table(lambda _: more)(person):
        sheet.append(line)
    if sheets:
        for _, value in values:
            book.create_sheet(value[:31])
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def _zip(person: Person, members: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return made.getvalue()


def _member_names(person: Person) -> dict[str, bytes]:
    return {f"{value}/x.txt": b"" for value in person.values.values()}


def _json_bytes() -> bytes:
    return json.dumps(rows()).encode()


def _gzip(person: Person) -> bytes:
    made = io.BytesIO()
    with gzip.GzipFile(" ".join(person.values.values()), "wb", fileobj=made) as file:
        file.write(_json_bytes())
    return made.getvalue()


def _xml(person: Person, *, comment: bool) -> str:
    attributes = " ".join(f'{name}="{escape(value)}"' for name, value in person.values.items())
    inner = "".join(
        f"<row {'' if comment else attributes}>{''.join(f'<{k}>{escape(v)}</{k}>' for k, v in row.items())}</row>"
        for row in rows()
    )
    return f"<?xml version='1.0'?><list>{f'<!-- {person.prose} -->' if comment else ''}{inner}</list>"


def _html(person: Person) -> str:
    links = "".join(f"<a href='{value}' data-v='{value}'>{value}</a> " for value in person.values.values())
    head = "".join(f"<th>{name}</th>" for name in [*rows(1)[0], "Kontak"])
    body = "".join("<tr>" + "".join(f"<td>{v}</td>" for v in row.values()) + f"<td>{links}</td></tr>" for row in rows())
    return f"<html><title>{person.prose}</title><table><tr>{head}</tr>{body}</table></html>"


def _pages(link: Callable[[Request, Person], dict[str, Any]]) -> Answer:
    """Two pages: the first says where the second is."""

    def answer(request: Request, person: Person) -> Response:
        second = "nik" in request.query_params or "cursor" in request.query_params
        page = {"data": rows()[2:] if second else rows()[:2], **({} if second else link(request, person))}
        return JSONResponse(page)

    return answer


def _broken_page(request: Request, person: Person) -> Response:
    """A second page, asked for by its personal token, that fails."""
    if "cursor" in request.query_params:
        return JSONResponse({"detail": person.prose}, 500)
    return JSONResponse({"data": rows(), "next": person.prose})


def _redirect(elsewhere: bool) -> Answer:
    def answer(request: Request, person: Person) -> Response:
        if "nik" in request.query_params:
            return JSONResponse(rows())
        if elsewhere:
            return RedirectResponse(f"http://elsewhere.example/{quote(person.prose)}?{person.query}")
        return RedirectResponse(f"{request.url.path}?{person.query}")

    return answer


def _headers(request: Request, person: Person) -> Response:
    values = person.values
    answer = JSONResponse(rows())
    answer.headers["Content-Disposition"] = f'attachment; filename="{person.prose}.json"'
    for name, value in values.items():
        answer.headers[f"X-{name.replace('_', '-')}"] = value
        answer.set_cookie(name, value.replace(" ", "+"))
    return answer


def _lines(person: Person) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows()) + json.dumps(person.values)[:-1] + "\n"


def _with_values(row: Row, person: Person) -> Row:
    return {**row, **person.values}


def _prose(row: Row, person: Person, **more: str) -> Row:
    return {**row, "isi": person.prose, **{name: person.values[name] for name in ("nama", "no_rekening")}, **more}


OWNED = ["nama", "no_rekening"]
"""What only the record itself can tell to be a name or an account, in its texts."""

PLACES: dict[str, Place] = {
    "declared keys": Place(_each(_with_values), {"personal": PERSONAL}),
    "keys nobody declared": Place(_each(_with_values), ends=("undeclared_personal_data",)),
    "a nested list": Place(_each(lambda row, p: {**row, "pelapor": [{"kontak": [p.values]}, p.prose]}), {"personal": ["pelapor"]}),
    "a nested list nobody declared": Place(
        _each(lambda row, p: {**row, "lampiran": [[p.values["nik"]], {"x": p.values["email"]}, p.prose]}), ends=("undeclared_personal_data",)
    ),
    "objects keyed by values": Place(_each(lambda row, p: {**row, "jumlah": dict.fromkeys(p.values.values(), 1)}), ends=("new_records", "undeclared_personal_data")),
    "keys of the record itself": Place(_each(lambda row, p: {**row, **dict.fromkeys(p.values.values(), 1)}), ends=("new_records", "undeclared_personal_data")),
    "the record's key": Place(_one(_with_values), {"key": ["no", "nik", "nama"], "personal": PERSONAL}),
    "an identity that becomes a token": Place(_one(_with_values), {"personal": PERSONAL}, {"reporter_key": {"from": "nik", "parse": "nik"}}),
    "an unreadable identity": Place(
        _one(lambda row, p: {**_with_values(row, p), "id": f"{p.values['nik']}0{p.values['no_kk']} {p.prose}"}),
        {"personal": [*PERSONAL, "id"]}, {"reporter_key": {"from": "id", "parse": "nik"}},
    ),
    "prose": Place(_each(_prose), {"personal": OWNED}),
    "prose in capitals": Place(_each(lambda row, p: {**_prose(row, p), "isi": p.prose.upper()}), {"personal": OWNED}),
    "prose with spaced numbers": Place(
        _each(lambda row, p: {
            **_prose(row, p),
            "isi": f"{p.values['nama']} NIK {p.values['nik'][:6]} {p.values['nik'][6:12]} {p.values['nik'][12:]} KK {p.values['no_kk'][:8]}-{p.values['no_kk'][8:]} "
            f"hp +62 {p.values['no_hp'][1:4]}-{p.values['no_hp'][4:8]}-{p.values['no_hp'][8:]} {p.values['email']} rek. {p.values['no_rekening']}",
        }),
        {"personal": OWNED},
    ),
    "prose with markup": Place(
        _each(lambda row, p: {**_prose(row, p), "isi": f"<p>{p.prose.replace(' ', '&nbsp;').replace('@', '&#64;')}</p><!-- {p.prose} -->"}),
        {"personal": OWNED}, {"description": {"from": "isi", "parse": "html_text"}},
    ),
    "notes of the agency": Place(_each(lambda row, p: {**_prose(row, p), "isi": "lampu", "catatan": p.prose}), {"personal": OWNED}, {"status_notes": "catatan"}),
    "an address of a photo": Place(
        _one(lambda row, p: {**_prose(row, p), "foto": f"https://foto.example/{quote(p.values['nama'])}.jpg?{p.query}"}), {"personal": OWNED}, {"media_url": "foto"}
    ),
    "a file name": Place(
        _one(lambda row, p: {**_prose(row, p), "foto": f"{p.values['nama'].replace(' ', '_')}_{'_'.join(p.values.values())}.jpg"}), {"personal": OWNED}, {"media_url": "foto"}
    ),
    "a code that slipped": Place(_one(lambda row, p: {**_prose(row, p), "jenis": p.prose}), {"personal": OWNED}),
    "a status that is refused": Place(_one(lambda row, p: {**row, "status": p.prose}), {}, {"status": STRICT}),
    "a date that is refused": Place(_one(lambda row, p: {**row, "tgl": p.prose})),
    "a number that is refused": Place(_one(lambda row, p: {**row, "lat": p.prose}), {}, {"lat": {"from": "lat", "parse": "number"}}),
    "a whole record that waits": Place(_one(lambda row, p: {**_with_values(row, p), "tgl": ""}), {"personal": PERSONAL}),
    "a place nobody knows": Place(_one(lambda row, p: {**_prose(row, p), "desa": p.prose, "kec": p.values["nama"]}), {"personal": OWNED, "region": {"district": "kec", "village": "desa"}}),
    "a totals row": Place(_each(lambda row, p: {**row, "jumlah": p.prose if row["no"] == "R-1" else ""}), {"skip": {"no": ["R-1"]}}),
    "headers of a CSV": Place(_text(lambda p: _csv(_table(lambda p: [(value, "1") for value in p.values.values()])(p)), "text/csv"), {"format": "csv"}, ends=("new_records", "undeclared_personal_data")),
    "cells of a CSV": Place(_text(lambda p: _csv(_table(lambda p: list(p.values.items()))(p)), "text/csv"), {"format": "csv", "personal": PERSONAL}),
    "a broken line of a CSV": Place(_text(lambda p: _csv([*_table(lambda p: [])(p), [*p.values.values(), p.prose, "x", "y"]]), "text/csv"), {"format": "csv"}, ends=("malformed", "new_records")),
    "names of sheets": Place(_text(lambda p: _workbook(p, sheets=True), "application/vnd.ms-excel"), {"format": {"type": "xlsx", "sheet": "Data"}}),
    "names of sheets when ours is not there": Place(_text(lambda p: _workbook(p, sheets=True), "application/vnd.ms-excel"), {"format": {"type": "xlsx", "sheet": "Rekap"}}, ends=("malformed",)),
    "headers of a workbook": Place(_text(lambda p: _workbook(p, head=True), "application/vnd.ms-excel"), {"format": {"type": "xlsx"}}, ends=("new_records", "undeclared_personal_data")),
    "cells of a workbook": Place(_text(lambda p: _workbook(p, cells=True), "application/vnd.ms-excel"), {"format": {"type": "xlsx"}, "personal": PERSONAL}),
    "attributes of XML": Place(_text(lambda p: _xml(p, comment=False), "text/xml"), {"format": "xml", "records": "list.row", "personal": [f"'@{name}'" for name in PERSONAL]}),
    "a comment in XML": Place(_text(lambda p: _xml(p, comment=True), "text/xml"), {"format": "xml", "records": "list.row"}),
    "XML that is cut off": Place(_text(lambda p: f"<list><row>{p.prose}</row><{p.values['nama'].replace(' ', '')}", "text/xml"), {"format": "xml", "records": "list.row"}, ends=("malformed",)),
    "a table of a page": Place(_text(_html, "text/html"), {"format": "html", "personal": ["Kontak", "'Kontak@href'"]}),
    "names of packed files": Place(_text(lambda p: _zip(p, {**_member_names(p), "data.json": _json_bytes()}), "application/zip"), {"unpack": {"type": "zip", "member": "data.json"}}),
    "names of packed files when ours is not there": Place(_text(lambda p: _zip(p, _member_names(p)), "application/zip"), {"unpack": {"type": "zip", "member": "data.json"}}, ends=("malformed",)),
    "the name in a gzip": Place(_text(_gzip, "application/gzip"), {"unpack": "gzip"}),
    "headers of the answer": Place(_headers, archived=False),
    "the type of the answer": Place(lambda request, p: JSONResponse(rows(), headers={"Content-Type": f'application/json; name="{p.prose}"'}), archived=False),
    "an ETag": Place(lambda request, p: JSONResponse(rows(), headers={"ETag": f'"{".".join(p.values.values()).replace(" ", "-")}"', "Last-Modified": p.prose}), archived=False),
    "an error page": Place(lambda request, p: HTMLResponse(f"<h1>{p.prose}</h1>", 404), ends=("endpoint_vanished",), archived=False),
    "an error message in JSON": Place(lambda request, p: JSONResponse({"error": p.prose, "data": p.values}, 400), ends=("refused",), archived=False),
    "a refusal with its headers": Place(lambda request, p: JSONResponse(p.values, 401, {"WWW-Authenticate": f'Basic realm="{p.prose}"'}), ends=("auth_failed",), archived=False),
    "a message beside success": Place(
        lambda request, p: JSONResponse({"status": p.prose, "pesan": p.values, "data": []}), {"records": "data"}, source={"success": {"path": "status", "equals": "ok"}}, ends=("unsuccessful",)
    ),
    "keys where the records should be": Place(lambda request, p: JSONResponse({"hasil": {key: [] for key in p.values.values()}}), {"records": "hasil.data"}, ends=("malformed",)),
    "JSON that is cut off": Place(_text(lambda p: json.dumps([p.prose, p.values])[:-1], "application/json"), ends=("malformed",)),
    "a line of NDJSON that is cut off": Place(_text(_lines, "application/x-ndjson"), {"format": "ndjson"}, ends=("malformed", "new_records")),
    "a login page": Place(_text(_html, "text/html"), ends=("malformed", "auth_failed")),
    "the address of the next page": Place(_pages(lambda request, p: {"next": f"{request.url.path}?{p.query}"}), {"records": "data", "paginate": {"type": "next_link", "next": "next"}}),
    "the token of the next page": Place(_pages(lambda request, p: {"next": p.prose}), {"records": "data", "paginate": {"type": "cursor", "param": "cursor", "next": "next"}}),
    "a token whose page fails": Place(_broken_page, {"records": "data", "paginate": {"type": "cursor", "param": "cursor", "next": "next"}}, source={"retries": 0}, ends=("server_error",)),
    "the path of the next page": Place(
        lambda request, p: JSONResponse({"data": rows()[2:]} if "page" in request.query_params else {"data": rows()[:2], "next": f"{request.url.path}/{quote(p.prose)}?page=2"}),
        {"records": "data", "paginate": {"type": "next_link", "next": "next"}},
    ),
    "a redirect": Place(_redirect(False), archived=False),
    "a redirect that leaves": Place(_redirect(True), ends=("left_host",), archived=False),
    "numbers, not texts": Place(
        _each(lambda row, p: {**_prose(row, p), "nik": int(p.values["nik"]), "no_kk": int(p.values["no_kk"]), "no_hp": p.values["no_hp"], "email": p.values["email"]}), {"personal": PERSONAL}
    ),
}  # fmt: skip
