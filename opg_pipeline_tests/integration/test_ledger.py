"""What was loaded is what happened: every true record of the sandbox's ledger against the standard slice and the quarantine."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

import pytest

from opg_pipeline.defs.deployment import dataset_key
from opg_pipeline_tests.integration.conftest import TWELVE, City, Sandbox
from opg_pipeline_tests.integration.ledger import APPS, Case, pulled

every_app = pytest.mark.parametrize("app", TWELVE)


@pytest.fixture(scope="module")
def cases(city: City, sandbox: Sandbox) -> dict[str, Case]:
    """What was pulled of each app beside the ledger."""
    outcomes = [loaded.outcome for loaded in city.loaded.values()]
    return {
        app: Case(
            app, pulled(city.lake, app, outcomes), sandbox.ledger(app), city.deployment.tokens, sandbox.delivered(app)
        )
        for app in TWELVE
    }


@pytest.fixture
def case(app: str, cases: dict[str, Case]) -> Case:
    made = cases[app]
    for outcome in made.pulled.outcomes.values():
        assert outcome.outcome.good, f"{app}: {outcome.outcome.value}. {outcome.message} {outcome.hint}"
    return made


def test_every_app_of_the_sandbox_is_compared(city: City) -> None:
    assert set(TWELVE) == {ref.app.id for ref in city.refs} == set(city.loaded)


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


@pytest.mark.parametrize("app", [app for app in TWELVE if APPS[app].tokens])
def test_tokens_tell_identities_apart(case: Case) -> None:
    case.tokens_tell_identities_apart(at_least=11)


def test_one_person_has_one_token_in_every_app(cases: dict[str, Case]) -> None:
    tokens: dict[str, set[str]] = defaultdict(set)
    apps: dict[str, set[str]] = defaultdict(set)
    for app, column, who in (
        ("e_pbb", "payer_key", "payer"), ("e_bphtb", "payer_key", "payer"), ("si_nduk", "applicant_key", "applicant"),
        ("e_puskesmas", "patient_key", "patient"),
    ):  # fmt: skip
        for number, truth in enumerate(cases[app].truths):
            for row in cases[app].standard(number):
                if row[column] is not None:
                    tokens[truth[who]["nik"]].add(row[column])
                    apps[truth[who]["nik"]].add(app)
    assert sum(len(found) > 1 for found in apps.values()) > 100
    assert {len(found) for found in tokens.values()} == {1}


def test_a_payment_delivered_twice_is_the_same_record_twice(cases: dict[str, Case]) -> None:
    """The key makes one of the two in the warehouse: same identity, same content."""
    case = cases["e_pbb"]
    twice = [number for number, truth in enumerate(case.truths) if truth["delivered"] == 2]
    assert len(twice) == 12
    for number in twice:
        assert len({(row["record_uid"], row["row_hash"]) for row in case.standard(number)}) == 1


def test_the_later_article_of_a_guid_is_the_edited_one(cases: dict[str, Case]) -> None:
    case = cases["portal_berita"]
    edited = [(number, truth) for number, truth in enumerate(case.truths) if truth["edited"]]
    assert len(edited) == 12
    for number, truth in edited:
        first, last = case.standard(number)
        assert (first["title"], last["title"]) == (truth["first_title"], truth["title"])
        assert first["record_uid"] == last["record_uid"]
        assert first["slice_row"] < last["slice_row"]


@pytest.mark.parametrize(("app", "who"), [("wizztara", "sender"), ("sapa_bupati", "speaker")])
def test_words_that_are_not_personal_stay(case: Case, who: str) -> None:
    """A text in which nobody names anybody is loaded as it was written."""
    untouched = 0
    for number, truth in enumerate(case.truths):
        for row in case.standard(number):
            own = {part for part in truth[who]["name"].casefold().split() if len(part) >= 4}
            if not truth["mentions"] and not own & set(re.findall(r"\w+", truth["text"].casefold())):
                assert row["description"] == truth["text"].strip(), truth["record_id"]
                untouched += 1
    assert untouched > 10


@pytest.mark.parametrize("app", ["wizztara", "sapa_bupati"])
def test_what_people_say_of_themselves_is_gone(case: Case) -> None:
    """No NIK, phone, name, address, account or e-mail that a speaker mentions is left in the text."""
    left: Counter[str] = Counter()
    mentioned = 0
    for number, truth in enumerate(case.truths):
        for row in case.standard(number):
            mentioned += len(truth["mentions"])
            left.update(kind for kind, value in truth["mentions"] if value.casefold() in row["description"].casefold())
    assert mentioned > 5
    assert not left


def test_the_raw_archive_holds_every_answer(city: City, sandbox: Sandbox) -> None:
    """Each archived body is the one its digest says, and a slice names all of its pages."""
    for ref in city.refs:
        manifest = city.loaded[ref.app.id].manifest
        assert manifest is not None, ref.name
        bodies = [city.lake.raw(dataset_key(ref), raw.sha256) for raw in manifest.raw]
        assert bodies
        assert [len(body) for body in bodies] == [raw.bytes for raw in manifest.raw]
        assert {row["raw_sha256"] for row in city.loaded[ref.app.id].rows} <= {raw.sha256 for raw in manifest.raw}
        for raw in manifest.raw:
            assert not any(secret in raw.url for secret in sandbox.keys.values())
