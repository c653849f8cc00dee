"""The whole city at a tenth of its size: every app lands, is compared with the ledger record by record, keeps what is personal to
itself, and is not asked for everything again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest

from opg_pipeline.lake import DatasetKey, Lake, LakeError
from opg_pipeline.model.catalog import load_catalog
from opg_pipeline.model.handover import OutcomeRecord
from opg_pipeline.normalise import Pseudonymiser
from opg_pipeline_tests.integration.by_hand import BY_HAND, statement
from opg_pipeline_tests.integration.conftest import ARCHIVE_KEY
from opg_pipeline_tests.integration.ledger import APPS, Case, inventories, pulled
from opg_pipeline_tests.integration.planted import Scanner, files, texts_in, texts_of, told
from opg_pipeline_tests.integration.runs import KEY, Ended, Runner, contents, duck, running

every_app = pytest.mark.parametrize("app", sorted(APPS))
SEALED = ("lake/raw/", "lake/quarantine/")
_VANISHES = "things vanish from its list without a trace, so its filter by change does not tell all; no ETag"
WHOLE_AGAIN = {
    "damkar": "neither filter nor ETag",
    "dasawisma": _VANISHES,
    "disdag_online": "at this scale all its prices are of the last two days, which the look back of a day asks for again",
    "pju": _VANISHES,
    "siapkerja_loker": _VANISHES,
    "simpeg": _VANISHES,
    "spmb": _VANISHES,
    "umkm_sidt": _VANISHES,
    "wizztara": "its filter goes by the time of reception, but old messages are answered later; no ETag",
}
"""Apps whose second pull brings half of the first one's bytes or more though nothing changed, and why it cannot be otherwise."""


@dataclass(repr=False)
class Whole:
    """The first run over all apps."""

    runner: Runner
    home: Path
    ended: Ended
    log: list[dict[str, Any]]
    lake: Lake = field(init=False)
    outcomes: list[OutcomeRecord] = field(init=False)

    def __post_init__(self) -> None:
        self.lake = Lake(str(self.home / "lake"), bytes.fromhex(ARCHIVE_KEY))
        self.outcomes = self.lake.outcomes("bojonegoro", self.ended.report["outcomes"][0]["run_id"])

    def key(self, outcome: OutcomeRecord) -> DatasetKey:
        return DatasetKey(outcome.city, outcome.app, outcome.dataset)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with running("--scale", "0.1") as runner:
        home = tmp_path_factory.mktemp("whole") / "opg"
        ended = runner.opg(home, "run", "--json", timeout=600, OPG_ARCHIVE_KEY=ARCHIVE_KEY)
        assert ended.out.startswith("{"), ended.err[-2000:]
        yield Whole(runner, home, ended, runner.log())


@pytest.fixture(scope="module")
def case_of(whole: Whole) -> Callable[[str], Case]:
    """What was pulled of an app in the first run, beside the ledger; read when first asked for."""

    @cache
    def made(app: str) -> Case:
        shown = inventories(whole.lake) if app == "opensid" else whole.runner.sandbox.delivered(app)
        found = pulled(whole.lake, app, whole.outcomes)
        return Case(app, found, whole.runner.sandbox.ledger(app), Pseudonymiser(bytes.fromhex(KEY)), shown)

    return made


@pytest.fixture
def case(app: str, case_of: Callable[[str], Case]) -> Case:
    return case_of(app)


# -- everything lands ----------------------------------------------------------------------------------------------------


def test_every_app_of_the_city_is_declared_served_and_compared(whole: Whole) -> None:
    declared = set(load_catalog().cities["bojonegoro"].apps)
    served = {item["app"] for item in whole.runner.sandbox.ask("/__apps")["apps"]}
    assert len(declared) == 80
    assert declared == served == set(APPS)


def test_every_app_lands(whole: Whole) -> None:
    assert whole.ended.code == 0
    assert {item.app for item in whole.outcomes} == set(APPS)
    assert {
        f"{item.app}/{item.dataset}": item.message for item in whole.outcomes if item.outcome != "new_records"
    } == {}
    assert all(item.accepted for item in whole.outcomes)


def test_only_the_villages_that_are_down_are_missing_and_one_is_named(whole: Whole) -> None:
    told = {item.app: item.message for item in whole.outcomes if item.message}
    down = {item["path"].split("/")[3] for item in whole.log if item["app"] == "opensid" and item["status"] == 503}
    assert set(told) == {"opensid"}
    assert told["opensid"].startswith(
        f"{len(down)} of 430 values of `for_each` did not answer and are missing, such as: kode="
    )
    assert told["opensid"].endswith(": the source answers HTTP 503")
    assert any(f"kode={code}:" in told["opensid"] for code in down)


# -- record by record ----------------------------------------------------------------------------------------------------


@every_app
def test_nothing_is_lost(case: Case) -> None:
    case.nothing_is_lost()


@every_app
def test_every_record_is_where_it_belongs(case: Case) -> None:
    case.every_record_is_where_it_belongs()


@every_app
def test_every_value_is_the_true_one(case: Case) -> None:
    case.every_value_is_the_true_one()


@every_app
def test_a_doubtful_place_is_never_another_place(case: Case) -> None:
    case.a_doubtful_place_is_never_another_place()


@pytest.mark.parametrize("app", sorted(app for app, declared in APPS.items() if declared.tokens))
def test_tokens_tell_identities_apart(case: Case) -> None:
    case.tokens_tell_identities_apart(at_least=4)


# -- what is personal stays ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scanner(whole: Whole) -> Scanner:
    return Scanner(whole.runner.sandbox.planted(APPS))


def test_nothing_personal_outside_raw_and_quarantine(whole: Whole, scanner: Scanner) -> None:
    """Every file of the first run but the sealed payloads, and what was said in the terminal."""
    looked = [(name, path) for name, path in files(whole.home) if not name.startswith(SEALED)]
    names = [name for name, _ in looked]
    assert "warehouse.duckdb" in names
    for start, end in (
        ("lake/standard/", ".parquet"),
        ("dagster/", ".db"),
        (".open_data.", ".csv"),
        ("published/", ".duckdb"),
    ):
        assert any(name.startswith(start) and name.endswith(end) for name in names), start
    texts = [("output", line) for line in (whole.ended.out + whole.ended.err).split("\n")]
    found = scanner.scan([*texts, *(item for name, path in looked for item in texts_of(path, name))])
    assert not told(found)


def test_payloads_are_sealed_and_hold_what_was_said(whole: Whole, scanner: Scanner) -> None:
    root = str(whole.home / "lake")
    locked, wrong = Lake(root), Lake(root, bytes(32))
    password = whole.runner.sandbox.keys["SIKS_NG_ZIP_PASSWORD"]
    texts = []
    for outcome in whole.outcomes:
        key = whole.key(outcome)
        digests = [path.stem for path in (whole.home / "lake" / "raw" / key.folder).glob("*.zst")]
        quarantined = whole.lake.quarantine_files(key)
        assert digests
        assert bool(quarantined) == bool(outcome.quarantined + outcome.values_quarantined)
        for shut in (locked, wrong):
            with pytest.raises(LakeError, match="OPG_ARCHIVE_KEY"):
                shut.raw(key, digests[0])
            for name in quarantined:
                with pytest.raises(LakeError, match="OPG_ARCHIVE_KEY"):
                    shut.read_quarantine(name)
        bodies = [whole.lake.raw(key, digest) for digest in digests]
        texts += [item for body in bodies for item in texts_in(body, key.folder, password)]
    assert len(scanner.scan(texts)) > 0.9 * len(scanner.wanted)


# -- not everything again ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def again(whole: Whole, case_of: Callable[[str], Case]) -> tuple[dict[str, Any], Ended, dict[str, Any]]:
    """A second run, nothing having changed; the warehouse before and after it. The first one's slices have been read by then."""
    for app in APPS:
        case_of(app)
    before = contents(duck(whole.home))
    ended = whole.runner.opg(whole.home, "run", "--json", timeout=600, OPG_ARCHIVE_KEY=ARCHIVE_KEY)
    return before, ended, contents(duck(whole.home))


def test_the_second_run_changes_nothing(again: tuple[dict[str, Any], Ended, dict[str, Any]]) -> None:
    before, ended, after = again
    assert ended.code == 0, ended.err[-2000:]
    assert {name for name in before if before[name] != after[name]} == set()
    merged = [item["merged"] for item in ended.report["publish"]["categories"].values() if item["merged"]]
    changes = Counter({name: sum(item[name] for item in merged) for name in ("inserted", "updated", "vanished")})
    assert +changes == Counter()


def test_the_second_run_asks_for_what_is_new_alone(
    whole: Whole, again: tuple[dict[str, Any], Ended, dict[str, Any]]
) -> None:
    _, ended, _ = again
    second = ended.report["outcomes"]
    assert {item["outcome"] for item in second} <= {"not_modified", "zero_records", "new_records"}
    first_bytes, second_bytes = Counter[str](), Counter[str]()
    for item in whole.ended.report["outcomes"]:
        first_bytes[item["app"]] += item["bytes"]
    for item in second:
        second_bytes[item["app"]] += item["bytes"]
    shares = {app: second_bytes[app] / first_bytes[app] for app in APPS}
    assert {app for app, share in shares.items() if share >= 0.5} == set(WHOLE_AGAIN), {
        app: f"{share:.0%} of {first_bytes[app]:,} bytes" for app, share in shares.items() if share >= 0.3
    }
    requests = [sum(item["requests"] for item in report) for report in (whole.ended.report["outcomes"], second)]
    volumes = [sum(counted.values()) for counted in (first_bytes, second_bytes)]
    assert volumes[1] < 0.15 * volumes[0], f"requests {requests}, bytes {volumes}"


# -- the published numbers ---------------------------------------------------------------------------------------------


def test_three_measures_of_every_category_are_recomputed() -> None:
    assert Counter(name.partition(".")[0] for name in BY_HAND) == dict.fromkeys(load_catalog().categories, 3)


@pytest.mark.parametrize("name", sorted(BY_HAND))
def test_a_published_number_is_what_plain_sql_makes_of_core(whole: Whole, name: str) -> None:
    category, _, measure = name.partition(".")
    published = (
        "select period_start, region_code, breakdown, n, value, suppressed from mart.measure "
        f"where category_id = '{category}' and measure_id = '{measure}'"
    )
    with duckdb.connect(str(whole.home / "warehouse.duckdb"), read_only=True) as base:
        wanted = {row[:3]: row[3:] for row in base.sql(statement(name)).fetchall()}
        found = {row[:3]: row[3:] for row in base.sql(published).fetchall()}
    assert found.keys() == wanted.keys()
    shown = {cell: (n, value) for cell, (n, value, suppressed) in found.items() if not suppressed}
    assert shown or max(n for n, _ in wanted.values()) < 40, (
        "so few at this scale that all are hidden, or else some are shown"
    )
    assert {cell: n for cell, (n, _) in shown.items()} == {cell: wanted[cell][0] for cell in shown}
    assert {cell: value for cell, (_, value) in shown.items()} == pytest.approx(
        {cell: wanted[cell][1] for cell in shown}, rel=1e-12
    )
