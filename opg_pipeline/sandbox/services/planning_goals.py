"""Goals of the offices (e-SAKIP, GraphQL) and satisfaction with their counters (SKM, JSON by page)."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from datetime import date
from random import Random
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.access import bearer, same
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, Told, flaws, loops, page_of, whole
from opg_pipeline.sandbox.services.planning_answers import dotted, is_stamp, stamp
from opg_pipeline.sandbox.services.planning_graphql import Field, GraphqlError, cut, read
from opg_pipeline.sandbox.truth.planning_figures import Goal, Satisfaction

TOP = "capaianKinerja"
ARGUMENTS = ("first", "after", "tahun", "dientriSejak")
ODD_TARGETS = ("sesuai kebutuhan", "80 (revisi)", "seratus")
FEMALE, MALE = ("Perempuan", "P", "wanita", "Pr."), ("Laki-laki", "L", "pria", "Lk")


class ESakip(Service):
    """Quarterly targets and achievements of the offices."""

    app_id = "e_sakip"
    secrets = ("E_SAKIP_TOKEN",)
    drift = ("realisasi",)

    def routes(self) -> list[Route]:
        return [Route("/graphql", self.graphql, methods=["POST"])]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Goal)
        wrong = flaws(rng, len(records), {"unreadable_target": 5, "unreadable_value": 4})
        for number, record in enumerate(records):
            defect = wrong.get(number)
            if defect == "unreadable_value" and record.achieved is None:
                defect = None
            year, quarter = record.time_period.split("-Q")
            achieved = None if record.achieved is None else dotted(record.achieved)
            body = {
                "id": record.record_id,
                "tahun": int(year),
                "triwulan": int(quarter),
                "opd": {"kode": record.unit_code, "nama": record.unit},
                "indikator": {"kode": record.indicator_code, "uraian": record.indicator, "satuan": record.measure_unit},
                "target": rng.choice(ODD_TARGETS) if defect == "unreadable_target" else _target(record),
                "realisasi": rng.choice(("85%%", "lihat lampiran")) if defect == "unreadable_value" else achieved,
                "tanggalEntri": record.entered_on.isoformat(),
            }
            yield Told(record.record_id, record.entered_on, body, record.entered_on, defect)

    async def graphql(self, request: Request) -> Response:
        if not same(request.headers.get("authorization"), bearer(self.city.access["E_SAKIP_TOKEN"])):
            return _errors("Unauthenticated.", "authentication")
        try:
            asked = await request.json()
            variables = asked.get("variables") or {}
            data = {one.alias: self._field(request, one) for one in read(str(asked["query"]), variables)}
        except GraphqlError as error:
            return _errors(str(error), "graphql")
        except (ValueError, KeyError, TypeError, AttributeError):
            return JSONResponse({"message": "Bad Request: expected JSON with `query`"}, 400)
        return JSONResponse({"data": data})

    def _field(self, request: Request, one: Field) -> Any:
        if one.name == "__typename":
            return "Query"
        if one.name != TOP:
            raise GraphqlError(f'Cannot query field "{one.name}" on type "Query".')
        if unknown := [name for name in one.arguments if name not in ARGUMENTS]:
            raise GraphqlError(f'Unknown argument "{unknown[0]}" on field "{TOP}" of type "Query".')
        given = {name: value for name, value in one.arguments.items() if value is not None}
        size, start = given.get("first", 25), _start(given.get("after"))
        if not isinstance(size, int) or not 1 <= size <= 500 or start is None:
            raise GraphqlError("first must be 1 to 500 and after a cursor of this list.")
        try:
            since = date.fromisoformat(given.get("dientriSejak", "0001-01-01"))
        except (TypeError, ValueError):
            raise GraphqlError("dientriSejak must be yyyy-mm-dd.") from None
        year = given.get("tahun")
        rows = [row for row in self.rows(request) if row.order >= since and year in (None, row.body["tahun"])]
        endless = loops(request) and bool(rows)
        end = start + size
        nodes = page_of(rows, start, size, endless)
        connection = {
            "totalCount": len(rows),
            "pageInfo": {
                "hasNextPage": endless or end < len(rows),
                "hasPreviousPage": start > 0,
                "startCursor": _cursor(start),
                "endCursor": _cursor(start + max(0, len(nodes) - 1)),
            },
            "edges": [{"cursor": _cursor(start + place), "node": node} for place, node in enumerate(nodes)],
        }
        return cut(connection, one.parts, TOP)


def _target(record: Goal) -> str:
    """A target as offices write it: a number, at least a number, a range, or none."""
    if record.target_low is None:
        return "n/a"
    if record.target_kind == "at_least":
        return f"≥ {dotted(record.target_low)}"
    if record.target_kind == "range" and record.target_high is not None:
        return f"{dotted(record.target_low)}-{dotted(record.target_high)}"
    return dotted(record.target_low)


def _cursor(place: int) -> str:
    return b64encode(f"arrayconnection:{place}".encode()).decode()


def _start(after: Any) -> int | None:
    """The place of the row after a cursor."""
    if after is None:
        return 0
    try:
        mark, _, place = b64decode(str(after).encode()).decode().partition(":")
    except ValueError:
        return None
    return int(place) + 1 if mark == "arrayconnection" and place.isdecimal() and len(place) < 10 else None


def _errors(message: str, category: str) -> Response:
    """Whatever is wrong with the query, the status is 200."""
    return JSONResponse({"errors": [{"message": message, "extensions": {"category": category}}], "data": None})


class SkmOnline(Service):
    """Questionnaires of satisfaction."""

    app_id = "skm_online"
    secrets = ("SKM_ONLINE_KEY",)
    drift = ("u1", "u5")

    def routes(self) -> list[Route]:
        return [Route("/api/responden", self.answers)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Satisfaction)
        wrong = flaws(rng, len(records), {"missing_scale": 6, "score_out_of_range": 5, "missing_score": 4})
        for number, record in enumerate(records):
            defect = wrong.get(number)
            scores: list[int | None] = list(record.scores)
            if defect == "score_out_of_range":
                scores[rng.randrange(9)] = rng.choice((0, 9, 45))
            elif defect == "missing_score":
                scores[rng.randrange(9)] = None
            body = {
                "id": int(record.record_id),
                "kode_survei": record.survey,
                "kode_layanan": record.service_code,
                "layanan": record.service,
                "unit_layanan": record.unit,
                "skala": "" if defect == "missing_scale" else f"1-{record.scale}",
                **{f"u{place}": score for place, score in enumerate(scores, 1)},
                "profil": _profile(rng, record),
                "saran": record.comment,
                "waktu_isi": stamp(record.at),
            }
            yield Told(record.record_id, record.at.date(), body, stamp(record.at), defect)

    async def answers(self, request: Request) -> Response:
        if not same(request.headers.get("x-api-key"), self.city.access["SKM_ONLINE_KEY"]):
            return JSONResponse({"kode": 401, "pesan": "X-Api-Key tidak dikenal"}, 401)
        query = request.query_params
        page, size = whole(query.get("hal"), 1, 1, 10**6), whole(query.get("jml"), 20, 1, 500)
        since = query.get("sejak", "")
        if page is None or size is None or not is_stamp(since):
            return JSONResponse({"kode": 400, "pesan": "hal, jml atau sejak tidak valid"}, 400)
        rows: Sequence[Told] = [row for row in self.rows(request) if row.order >= since]
        found = page_of(rows, (page - 1) * size, size, loops(request))
        return JSONResponse({"kode": 200, "hal": page, "total_data": len(rows), "responden": found})


def _profile(rng: Random, record: Satisfaction) -> str:
    """What people or clerks type about the respondent."""
    if record.sex is None:
        return rng.choice(("", "-", "tidak mau mengisi"))
    sex = rng.choice(FEMALE if record.sex == "P" else MALE)
    return rng.choice(
        (
            f"{sex}, {record.age} th, {record.education}, {record.occupation}",
            f"{sex} / {record.age} tahun / {record.education} / {record.occupation}",
            f"{sex} {record.age} thn {record.education} {record.occupation}",
            f"{record.occupation} ({sex}, {record.age}), lulusan {record.education}",
        )
    )


SERVICES = (ESakip, SkmOnline)
