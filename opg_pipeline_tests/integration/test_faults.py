"""Thirty-three ways to break, each on an app of its own in one run: told apart, kept from the others, and over with the next run.

A source that breaks from the first day on is pulled for the first time while it is broken; one that drifts is pulled well
before, as drift shows beside what was before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from opg_pipeline.model.catalog import load_catalog, shipped_catalog
from opg_pipeline.sandbox.faults import KINDS
from opg_pipeline_tests.integration.runs import VOLATILE, Ended, Runner, running

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Broken:
    """One kind of fault: the app it strikes, what the summary says of it, and how it is spelled."""

    app: str
    outcome: str
    says: str = ""
    spelled: str = ""
    drifts: bool = False


FAULTS: dict[str, Broken] = {
    "400": Broken("aspirasi_dprd", "refused", "answers HTTP 400"),
    "401": Broken("skm_online", "auth_failed", "answers HTTP 401"),
    "403": Broken("mpp_antrian", "auth_failed", "answers HTTP 403"),
    "404": Broken("damkar", "endpoint_vanished", "answers HTTP 404"),
    "410": Broken("siormas", "endpoint_vanished", "answers HTTP 410"),
    "419": Broken("dijamin_minul", "auth_failed", "answers HTTP 419"),
    "429": Broken("beasiswa", "rate_limited", "answers HTTP 429", "429x99"),
    "500": Broken("bpbd_kejadian", "server_error", "answers HTTP 500"),
    "502": Broken("psc119", "server_error", "answers HTTP 502"),
    "503": Broken("skdr", "server_error", "answers HTTP 503"),
    "504": Broken("simbg", "server_error", "answers HTTP 504"),
    "html_login": Broken("siapkerja_loker", "malformed", "expected JSON but got an HTML page titled 'Masuk"),
    "error_200": Broken("isikhnas", "unsuccessful", "HTTP says it went well, but `success.path: kode` says"),
    "gzip_bomb": Broken("gis_cctv", "too_large", "larger than the 64 MiB allowed"),
    "bad_gzip": Broken("rumah_singgah", "malformed", "the gzip packing of the answer is damaged"),
    "cut_off": Broken("wisata_kunjungan", "malformed", "the connection broke off in the middle of the answer"),
    "redirect_loop": Broken("e_tlhp", "left_host", "redirects more than 5 times"),
    "redirect_away": Broken("portal_berita", "left_host", "leads to http://parkir.example"),
    "empty": Broken("e_bphtb", "malformed", "expected XML but the answer is empty"),
    "garbage": Broken("sispan_sismon", "malformed", "no Excel workbook that can be read"),
    "truncated": Broken("bos_open_contract", "malformed", "cannot read the answer: it breaks off after"),
    "wrong_charset": Broken("sapa_bupati", "malformed", "it is not utf-8 text"),
    "entities": Broken("lapor_sp4n", "malformed", "XML entities of its own"),
    "same_page": Broken("e_puskesmas", "paging_loop", "it holds the same records as an earlier page"),
    "next_loop": Broken("e_pbb", "paging_loop", "the same records as two earlier pages"),
    "slow": Broken("sipetak", "new_records", "", "slow:0.2"),
    "hang": Broken("epayment_qris", "unreachable", "no whole answer within 3 s", "hang:20"),
    "shuffled": Broken("dasawisma", "new_records"),
    "changed_type": Broken("simpeg", "new_records", "Hardly any value", drifts=True),
    "renamed_field": Broken("jdih", "fields_lost", "no record has 'tahun_pengundangan'", drifts=True),
    "nulls": Broken("damisda", "fields_lost", "sent empty", drifts=True),
    "no_records": Broken("umkm_sidt", "volume_collapsed", "delivered no records", drifts=True),
    "shrunk": Broken("spmb", "volume_collapsed", "delivered 1 where its last pull had", drifts=True),
}
UNHARMED = ("shuffled", "slow")
"""Kinds that cost nothing: the records are right."""
HEALTHY = ("ekatalog_v6", "tma_bengawan_solo")
every_kind = pytest.mark.parametrize("kind", sorted(FAULTS))


@dataclass(frozen=True, repr=False)
class Told:
    """One run: what it said of each app, and the rows of core by app after it."""

    ended: Ended
    rows: dict[str, list[Row]]

    def of(self, app: str) -> dict[str, Any]:
        return next(item for item in self.ended.report["outcomes"] if item["app"] == app)


@dataclass(frozen=True, repr=False)
class Story:
    """A run that nothing disturbs; and in another home a run while all is broken, and the next one when all is well again."""

    undisturbed: Told
    broken: Told
    healed: Told
    ledger: dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    base = tmp_path_factory.mktemp("faults")
    apps = [*(fault.app for fault in FAULTS.values()), *HEALTHY]
    drifting = [fault.app for fault in FAULTS.values() if fault.drifts]
    with running("--scale", "0.1") as runner:
        impatient = _impatient(base / "catalog")
        undisturbed = _run(runner, base / "undisturbed", apps, impatient)
        _pull(runner, base / "broken", drifting, impatient, "--no-publish")
        runner.fault(**{fault.app: fault.spelled or kind for kind, fault in FAULTS.items()})
        broken = _run(runner, base / "broken", apps, impatient)
        runner.fault(**dict.fromkeys(fault.app for fault in FAULTS.values()))
        healed = _run(runner, base / "broken", apps, impatient)
        yield Story(undisturbed, broken, healed, {app: runner.sandbox.ledger(app) for app in apps})


def _impatient(folder: Path) -> Path:
    """The manifests of the broken apps, with one retry, and little patience for the one that hangs."""
    for kind, fault in FAULTS.items():
        name = f"cities/bojonegoro/apps/{fault.app}.yaml"
        manners = {"retries": 1} | ({"timeout": "3s"} if kind == "hang" else {})
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        text = (shipped_catalog() / name).read_text(encoding="utf-8")
        told = "".join(f"  {key}: {value}\n" for key, value in manners.items())
        text = text.replace("\nsource: {", "\nsource: {retries: 1, ").replace("\nsource:\n", f"\nsource:\n{told}")
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def _pull(runner: Runner, home: Path, apps: list[str], catalog: Path, *arguments: str) -> Ended:
    chosen = [word for app in apps for word in ("--app", app)]
    ended = runner.opg(home, "run", "--json", *chosen, *arguments, OPG_CATALOG=str(catalog))
    assert ended.out.startswith("{"), ended.err[-2000:]
    assert "Traceback" not in ended.err
    return ended


def _run(runner: Runner, home: Path, apps: list[str], catalog: Path) -> Told:
    return Told(_pull(runner, home, apps, catalog), _core(home))


def _core(home: Path) -> dict[str, list[Row]]:
    """The rows of the categories by app, without what differs from run to run, and without how many versions there were."""
    found: dict[str, list[Row]] = defaultdict(list)
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        for category in load_catalog().categories:
            table = connection.execute(
                "select column_name from information_schema.columns where table_schema = 'core' and table_name = ? order by 1",
                [category],
            ).fetchall()
            names = [name for (name,) in table if name not in VOLATILE | {"version_from", "version_change"}]
            if names:
                columns = ", ".join(f'"{name}"' for name in names)
                for app, *row in connection.execute(f'select source_app, {columns} from core."{category}"').fetchall():
                    found[app].append((category, *map(str, row)))
    return {app: sorted(rows) for app, rows in found.items()}


def test_every_kind_strikes_an_app_of_its_own(story: Story) -> None:
    assert set(FAULTS) == set(KINDS)
    assert len({fault.app for fault in FAULTS.values()} | set(HEALTHY)) == len(FAULTS) + len(HEALTHY)
    assert story.undisturbed.ended.code == story.healed.ended.code == 0
    assert story.broken.ended.code == 1


@every_kind
def test_it_is_told_apart(story: Story, kind: str) -> None:
    fault = FAULTS[kind]
    told = story.broken.of(fault.app)
    assert (told["outcome"], fault.says in told["message"]) == (fault.outcome, True), told["message"]
    assert bool(told["message"] and told["hint"]) == (kind not in UNHARMED)
    if kind not in UNHARMED:
        same = [
            other
            for other, item in FAULTS.items()
            if story.broken.of(item.app)["outcome"] == fault.outcome
            and fault.says in story.broken.of(item.app)["message"]
        ]
        assert same == [kind]


@every_kind
def test_nothing_false_is_loaded(story: Story, kind: str) -> None:
    """Nothing of an app that failed; what it had before where it drifted; and the truth where it came through."""
    fault = FAULTS[kind]
    now, true = story.broken.rows.get(fault.app, []), story.undisturbed.rows[fault.app]
    if kind == "changed_type":
        assert len(now) == len(true)
        assert story.broken.of(fault.app)["values_quarantined"] > len(true) * 0.9, "each value waits with its reason"
    elif fault.drifts or kind in UNHARMED:
        assert now == true
    else:
        assert now == []


@pytest.mark.parametrize("app", HEALTHY)
def test_the_others_do_not_notice(story: Story, app: str) -> None:
    assert story.broken.of(app)["outcome"] == "new_records"
    assert story.broken.rows[app] == story.undisturbed.rows[app]


@every_kind
def test_the_next_healthy_run_recovers(story: Story, kind: str) -> None:
    app = FAULTS[kind].app
    assert story.healed.of(app)["outcome"] in {"new_records", "not_modified"}
    assert story.healed.of(app)["message"] == ""
    assert story.healed.rows[app] == story.undisturbed.rows[app]
    delivered = sum(truth["delivered"] for truth in story.ledger[app])
    assert story.undisturbed.of(app)["records"] == delivered, "what is compared with is the ledger's number"
