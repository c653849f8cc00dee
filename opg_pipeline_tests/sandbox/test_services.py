"""Every service: its door, its paging against the ledger, the personal data in it, its conditional answers.

Faults are elsewhere.
"""

from __future__ import annotations

import csv
import io
import time
from collections import Counter
from datetime import date, datetime
from decimal import Decimal

import httpx
import pytest

from opg_pipeline.sandbox.truth.volumes import VOLUMES

from .conftest import PATHS, ask, client_of, keys
from .harvest import bodies, identifiers, sheet_of, text_of

FILES = ("gis_cctv", "portal_berita", "sispan_sismon", "sapa_bupati")


@pytest.mark.parametrize("app", PATHS)
async def test_what_is_delivered_is_the_ledger(city: httpx.AsyncClient, app: str) -> None:
    truth = (await city.get(f"/__ledger/{app}")).json()
    assert len(truth) == VOLUMES[app][0]
    delivered: Counter[str] = Counter()
    async for answer in bodies(city, app):
        assert answer.status_code == 200
        delivered.update(identifiers(app, answer))
    assert delivered == Counter({record["record_id"]: record["delivered"] for record in truth})


@pytest.mark.parametrize("app", PATHS)
async def test_planted_personal_data_stands_in_the_answers(city: httpx.AsyncClient, app: str) -> None:
    text = "\n".join([text_of(app, answer) async for answer in bodies(city, app)])
    planted = (await city.get("/__planted", params={"app": app})).json()
    assert [entry for entry in planted if entry["value"] not in text] == []
    assert {entry["app"] for entry in planted} <= {app}
    assert bool(planted) == (app not in ("tma_bengawan_solo", "gis_cctv", "portal_berita", "sispan_sismon"))


@pytest.mark.parametrize("app", keys())
async def test_a_wrong_key_is_refused(city: httpx.AsyncClient, app: str) -> None:
    for wrong in (0, 2):
        answer = await (ask(city, app, wrong) if wrong else city.get(PATHS[app]))
        if app == "e_pbb":
            assert answer.status_code == 200
            assert answer.json()["status"] == "error"
            assert answer.json()["data"] is None
        else:
            assert answer.status_code in (401, 403)
        for record in (await city.get(f"/__ledger/{app}")).json()[:3]:
            assert record["record_id"] not in answer.text


@pytest.mark.parametrize("app", FILES)
async def test_a_file_unchanged_is_not_sent_again(city: httpx.AsyncClient, app: str) -> None:
    first = await ask(city, app)
    headers = keys().get(app, {}).get("headers", {})
    by_tag = await city.get(PATHS[app], headers={**headers, "If-None-Match": first.headers["etag"]})
    by_time = await city.get(PATHS[app], headers={**headers, "If-Modified-Since": first.headers["last-modified"]})
    assert (by_tag.status_code, by_tag.content) == (304, b"")
    assert by_time.status_code == 304
    await city.post("/__control/clock", json={"today": "2026-03-01"})
    assert (await city.get(PATHS[app], headers={**headers, "If-None-Match": first.headers["etag"]})).status_code == 200


async def test_the_clock_hides_what_has_not_happened(city: httpx.AsyncClient) -> None:
    await city.post("/__control/clock", json={"today": "2026-03-31"})
    then = (await city.get("/__ledger/e_pbb")).json()
    assert 0 < len(then) < VOLUMES["e_pbb"][0]
    assert max(record["at"] for record in then)[:10] <= "2026-03-31"
    await city.post("/__reset")
    assert len((await city.get("/__ledger/e_pbb")).json()) == VOLUMES["e_pbb"][0]
    assert (await city.post("/__control/clock", json={"today": "kapan"})).status_code == 422


async def test_filters_give_the_later_records(city: httpx.AsyncClient) -> None:
    truth = (await city.get("/__ledger/e_pbb")).json()
    found = (await ask(city, "e_pbb", since="01/06/2026")).json()["meta"]["total"]
    assert found == sum(record["delivered"] for record in truth if record["at"] >= "2026-06-01")
    changed = (await ask(city, "si_nduk", diubah_sejak="2026-06-01 00:00:00")).json()["pagination"]["total"]
    assert changed == sum(r["changed_at"] >= "2026-06-01" for r in (await city.get("/__ledger/si_nduk")).json())
    moment = "2026-06-01T00:00:00Z"
    levels = (await ask(city, "tma_bengawan_solo", **{"$filter": f"resultTime ge {moment}"})).json()
    received = [
        datetime.fromisoformat(r["received_at"]) for r in (await city.get("/__ledger/tma_bengawan_solo")).json()
    ]
    assert levels["@iot.count"] == sum(at >= datetime.fromisoformat(moment) for at in received)
    assert "&$filter=" in levels["@iot.nextLink"]
    assert (await city.get(levels["@iot.nextLink"])).json()["@iot.count"] == levels["@iot.count"]
    lines = (await ask(city, "wizztara", sejak=1_780_000_000)).text.splitlines()
    asked = [datetime.fromisoformat(r["at"]).timestamp() for r in (await city.get("/__ledger/wizztara")).json()]
    assert len(lines) == sum(at >= 1_780_000_000 for at in asked)


@pytest.mark.parametrize(
    ("app", "query"),
    [
        ("e_pbb", {"limit": 501}),
        ("e_pbb", {"since": "2026-01-01"}),
        ("e_bphtb", {"per_halaman": 201}),
        ("si_nduk", {"page": 0}),
        ("e_puskesmas", {"cursor": "bukan"}),
        ("tma_bengawan_solo", {"$filter": "result gt 3"}),
        ("ekatalog_v6", {"limit": 101}),
        ("damkar", {"ukuran": "banyak"}),
        ("wizztara", {"sejak": "kemarin"}),
    ],
)
async def test_a_wrong_question_is_an_error(city: httpx.AsyncClient, app: str, query: dict[str, str | int]) -> None:
    answer = await ask(city, app, **query)
    assert answer.json()["status"] == "error" if app == "e_pbb" else answer.status_code in (400, 422)


async def test_rows_say_what_the_ledger_says(city: httpx.AsyncClient) -> None:
    truth = {record["record_id"]: record for record in (await city.get("/__ledger/e_pbb")).json()}
    for row in (await ask(city, "e_pbb", limit=500)).json()["data"]:
        record = truth[row["ntpd"]]
        if record["defect"] is None:
            assert Decimal(row["jumlah"].removeprefix("Rp ").replace(".", "")) == Decimal(record["amount"])
            assert datetime.strptime(row["tgl_bayar"], "%d/%m/%Y").date() == date.fromisoformat(record["at"][:10])
    levels = {record["record_id"]: record for record in (await city.get("/__ledger/tma_bengawan_solo")).json()}
    midnights = 0
    for row in (await ask(city, "tma_bengawan_solo", **{"$top": 1000})).json()["value"]:
        record = levels[str(row["@iot.id"])]
        day, hour = row["parameters"]["tanggal"], row["parameters"]["jam"]
        if hour == "24.00":
            midnights += 1
            assert record["at"][11:] == "00:00:00+07:00"
            assert (
                datetime.fromisoformat(record["at"]).date().toordinal()
                == datetime.strptime(day, "%d-%m-%Y").toordinal() + 1
            )
    assert midnights > 100


async def test_sheets_have_heads_that_are_no_records(city: httpx.AsyncClient) -> None:
    sheet = sheet_of(await ask(city, "sispan_sismon"))
    assert sheet["A2"].value == "Tahun"
    assert sheet["D3"].value == "Nama"
    assert "C2:D2" in {str(span) for span in sheet.merged_cells.ranges}
    assert sheet.cell(sheet.max_row, 1).value == "JUMLAH/RATA-RATA"
    rows = list(csv.reader(io.StringIO((await ask(city, "sapa_bupati")).text)))
    assert rows[1][0] == "Tanggal"
    assert rows[2][0] != ""
    assert sum(row[0] == "" for row in rows[2:]) == 45


async def test_things_lead_to_every_observation(city: httpx.AsyncClient) -> None:
    things = (await city.get("/tma_bengawan_solo/v1.1/Things", params={"$top": 50})).json()["value"]
    seen: list[int] = []
    for thing in things:
        stream = thing["Datastreams"][0]
        seen += [row["@iot.id"] for row in stream["Observations"]]
        following = stream.get("Observations@iot.nextLink")
        while following:
            page = (await city.get(following)).json()
            seen += [row["@iot.id"] for row in page["value"]]
            following = page.get("@iot.nextLink")
    assert len(seen) == len(set(seen)) == VOLUMES["tma_bengawan_solo"][0]


async def test_pages_come_quickly(city: httpx.AsyncClient) -> None:
    for app in PATHS:
        await ask(city, app)
        took = []
        for _ in range(5):
            started = time.perf_counter()
            await ask(city, app)
            took.append(time.perf_counter() - started)
        assert min(took) < 0.1, app


async def test_control_is_for_this_machine_only_and_the_log_holds_no_secret() -> None:
    async with client_of(address="10.1.2.3") as stranger:
        for path in ("/__apps", "/__planted", "/__ledger/e_pbb", "/__log"):
            assert (await stranger.get(path)).status_code == 403
        assert (await stranger.post("/__reset")).status_code == 403
        assert (await ask(stranger, "e_pbb")).status_code == 200
    async with client_of() as city:
        await ask(city, "ekatalog_v6")
        log = await city.get("/__log")
        assert log.json()[-1]["status"] == 200
        assert keys()["ekatalog_v6"]["params"]["api_key"] not in log.text
        assert (await city.get("/__ledger/tidak_ada")).status_code == 404
        assert {entry["app"] for entry in (await city.get("/__apps")).json()["apps"]} == set(VOLUMES)
