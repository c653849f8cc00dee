"""Every kind of fault does what its name says, passes where it should, and can be taken away."""

from __future__ import annotations

import json
import time

import httpx
import pytest

from opg_pipeline.sandbox.faults import AFTER, BOMB_BYTES, KINDS, STATUSES, parse

from .conftest import PATHS, ask, client_of, keys
from .harvest import identifiers, pages_of

PAGED = ("e_pbb", "e_bphtb", "si_nduk", "e_puskesmas", "tma_bengawan_solo", "ekatalog_v6", "damkar")


async def broken(client: httpx.AsyncClient, app: str, fault: object) -> httpx.Response:
    """The next answer of an app under a fault."""
    assert (await client.post("/__control/faults", json={app: fault})).status_code == 200
    return await ask(client, app)


@pytest.mark.parametrize("app", PATHS)
@pytest.mark.parametrize("status", sorted(set(STATUSES) - {"429"}))
async def test_statuses(city: httpx.AsyncClient, app: str, status: str) -> None:
    answer = await broken(city, app, f"{status}:7")
    assert answer.status_code == int(status)
    assert answer.headers.get("retry-after") == ("7" if status == "503" else None)
    await city.post("/__control/faults", json={app: None})
    assert (await ask(city, app)).status_code == 200


async def test_too_many_requests_passes(city: httpx.AsyncClient) -> None:
    assert (await broken(city, "damkar", "429")).headers["retry-after"] == "1"
    assert [(await ask(city, "damkar")).status_code for _ in range(2)] == [429, 200]
    assert (await broken(city, "damkar", "500x1")).status_code == 500
    assert (await ask(city, "damkar")).status_code == 200
    assert [entry["fault"] for entry in (await city.get("/__log")).json()] == ["429", "429", None, "500", None]


@pytest.mark.parametrize("app", PATHS)
@pytest.mark.parametrize("kind", sorted(set(AFTER) - {"renamed_field", "nulls", "same_page", "entities"}))
async def test_spoiled_bodies(city: httpx.AsyncClient, app: str, kind: str) -> None:
    good = await ask(city, app)
    bad = await broken(city, app, kind)
    assert bad.status_code == 200
    assert bad.headers["content-type"] == good.headers["content-type"]
    assert bad.content != good.content
    if kind == "truncated":
        assert bad.content == good.content[: len(good.content) // 2]
    if kind == "empty":
        assert bad.content == b""
    if kind == "changed_type":
        assert len(identifiers(app, bad)) == len(identifiers(app, good))


async def test_fields_renamed_and_nulls(city: httpx.AsyncClient) -> None:
    renamed = (await broken(city, "e_pbb", "renamed_field")).json()["data"][0]
    assert {"jumlah_baru", "jumlah"} & set(renamed) == {"jumlah_baru"}
    assert (await broken(city, "e_pbb", "nulls")).json()["data"][0]["jumlah"] is None
    assert "<harga_baru>" in (await broken(city, "e_bphtb", "renamed_field")).text
    assert "<harga/>" in (await broken(city, "e_bphtb", "nulls")).text


async def test_the_same_page_again_and_rows_in_another_order(city: httpx.AsyncClient) -> None:
    await city.post("/__control/faults", json={"e_pbb": "same_page"})
    pages = [(await ask(city, "e_pbb", limit=50, offset=offset)).content for offset in (0, 50, 100)]
    assert len(set(pages)) == 1
    await city.post("/__control/faults", json={"e_pbb": None})
    usual = identifiers("e_pbb", await ask(city, "e_pbb", limit=50, offset=0))
    await city.post("/__control/faults", json={"e_pbb": "shuffled"})
    mixed = [identifiers("e_pbb", await ask(city, "e_pbb", limit=50, offset=0)) for _ in range(2)]
    assert mixed[0] == mixed[1] != usual


@pytest.mark.parametrize("app", ["e_bphtb", "portal_berita", "e_pbb"])
async def test_entities(city: httpx.AsyncClient, app: str) -> None:
    assert "<!ENTITY" in (await broken(city, app, "entities")).text


async def test_redirects_and_broken_packing(city: httpx.AsyncClient) -> None:
    loop = await broken(city, "e_pbb", "redirect_loop")
    assert (loop.status_code, loop.headers["location"].split("?")[0]) == (302, "http://city.test/e_pbb/pembayaran")
    assert (await broken(city, "e_pbb", "redirect_away")).headers["location"].startswith("http://parkir.example/")
    with pytest.raises(httpx.DecodingError):
        await broken(city, "e_pbb", "bad_gzip")
    with pytest.raises(ConnectionAbortedError):
        await broken(city, "e_pbb", "cut_off")
    assert (await broken(city, "e_pbb", "error_200")).json()["status"] == "error"


async def test_changed_types(city: httpx.AsyncClient) -> None:
    assert isinstance((await broken(city, "e_pbb", "changed_type")).json()["data"][0]["jumlah"], dict)
    assert "dua belas" in (await broken(city, "ekatalog_v6", "changed_type")).json()["data"][0]["total_harga"]
    assert '<harga satuan="ribu"><nilai>' in (await broken(city, "e_bphtb", "changed_type")).text
    assert json.loads((await broken(city, "wizztara", "changed_type")).text.splitlines()[0])["ts"].startswith("dua")


@pytest.mark.parametrize("app", PATHS)
async def test_login_page_and_few_records(city: httpx.AsyncClient, app: str) -> None:
    page = await broken(city, app, "html_login")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "password" in page.text
    assert identifiers(app, await broken(city, app, "no_records")) == []
    await city.post("/__control/faults", json={app: "shrunk"})
    assert len(identifiers(app, await ask(city, app))) > 0


async def test_slow(city: httpx.AsyncClient) -> None:
    started = time.perf_counter()
    answer = await broken(city, "sapa_bupati", "slow:0.2")
    assert answer.status_code == 200
    assert time.perf_counter() - started >= 0.2


async def test_gzip_bomb_is_small_on_the_wire(city: httpx.AsyncClient) -> None:
    await city.post("/__control/faults", json={"gis_cctv": "gzip_bomb"})
    async with city.stream("GET", PATHS["gis_cctv"]) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        assert int(answer.headers["content-length"]) < BOMB_BYTES // 500


@pytest.mark.parametrize("app", PAGED)
async def test_paging_never_ends(city: httpx.AsyncClient, app: str) -> None:
    answer = await broken(city, app, "next_loop")
    if app in ("e_pbb", "ekatalog_v6"):
        found = (await ask(city, app, offset=9_000)).json()
        assert len(found["data"]) > 0
        assert (found["meta"]["total"] if app == "e_pbb" else found["total"]) > 10**8
    elif app in ("e_bphtb", "si_nduk", "damkar"):
        name = "page" if app == "si_nduk" else "halaman"
        late = await ask(city, app, **{name: 500})
        assert pages_of(app, late) > 500
        assert identifiers(app, late)
    else:
        seen = []
        for _ in range(60):
            found = answer.json()
            seen += identifiers(app, answer)
            if app == "e_puskesmas":
                assert found["has_more"] is True
                answer = await ask(city, app, cursor=found["next_cursor"])
            else:
                answer = await city.get(found["@iot.nextLink"])
        assert len(seen) > len(set(seen))


async def test_faults_from_the_start_survive_a_reset() -> None:
    async with client_of(faults={"e_pbb": "500", "damkar": {"kind": "503", "value": 3, "times": 1}}) as client:
        for _ in range(2):
            assert (await ask(client, "e_pbb")).status_code == 500
            assert (await ask(client, "damkar")).headers["retry-after"] == "3"
            assert (await ask(client, "damkar")).status_code == 200
            await client.post("/__reset")


async def test_a_fault_outranks_a_conditional_request(city: httpx.AsyncClient) -> None:
    tag = (await ask(city, "sapa_bupati")).headers["etag"]
    await city.post("/__control/faults", json={"sapa_bupati": "garbage"})
    answer = await city.get(PATHS["sapa_bupati"], headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert "etag" not in answer.headers


async def test_impossible_faults_are_refused(city: httpx.AsyncClient) -> None:
    for wrong in ({"e_pbb": "meteor"}, {"tidak_ada": "500"}, {"sapa_bupati": "next_loop"}, {"e_pbb": {"times": 2}}):
        assert (await city.post("/__control/faults", json=wrong)).status_code == 422
    with pytest.raises(ValueError, match="unknown fault"):
        client_of(faults={"e_pbb": "meteor"})
    assert all(parse(kind).kind == kind for kind in KINDS)
    assert set(keys()) < set(PATHS)
