"""What one pull of an app became, compared record by record with the sandbox's ledger. What is expected stands in the tables.

The comparisons raise AssertionError with the first differences; they show no personal value.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from opg_pipeline.lake import DatasetKey, Lake
from opg_pipeline.model.handover import OutcomeRecord, SliceManifest
from opg_pipeline.normalise import Pseudonymiser
from opg_pipeline_tests.integration import (
    expectations,
    expected_family_village_trade,
    expected_health_school_tender,
    expected_kominfo_papers_planning,
    expected_money_staff_poverty,
    expected_social_permit_works,
)
from opg_pipeline_tests.integration.expectations import App, Held, Kept, Truth

APPS: dict[str, App] = {
    **expectations.APPS,
    **expected_money_staff_poverty.APPS,
    **expected_health_school_tender.APPS,
    **expected_kominfo_papers_planning.APPS,
    **expected_family_village_trade.APPS,
    **expected_social_permit_works.APPS,
}
RECORDS = {**expected_health_school_tender.RECORDS, **expected_social_permit_works.RECORDS}
"""Apps of which one true record is several standard records."""
TOKENS: dict[str, str] = {
    **expected_money_staff_poverty.RECORD_TOKENS,
    **expected_family_village_trade.RECORD_TOKENS,
    **expected_social_permit_works.RECORD_TOKENS,
    **{
        app: f"identifier:{app}"
        for app in (
            "e_puskesmas",
            *expected_health_school_tender.TOKENISED,
            *expected_kominfo_papers_planning.TOKEN_IDS,
        )
    },
}
"""App to the kind of the token that stands for the source's identifier, where that is personal."""
DOTTED = re.compile(r"35\.22(\.\d\d(\.\d{4})?)?")


@dataclass(repr=False)
class Pulled:
    """What the datasets of one app became: the files as they lie in the lake, read without the pipeline's help but for the seal."""

    app: str
    outcomes: dict[str, OutcomeRecord]
    manifests: dict[str, SliceManifest]
    rows: list[dict[str, Any]] = field(default_factory=list)
    """Standard records, dataset by dataset in order of delivery."""
    waiting: list[dict[str, Any]] = field(default_factory=list)
    """Quarantine rows; `payload` is the source record, `dataset` where it came from."""

    @cached_property
    def by_id(self) -> dict[str, list[dict[str, Any]]]:
        """Standard rows by the source's identifier."""
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in self.rows:
            found[row["source_record_id"]].append(row)
        return found

    @cached_property
    def by_uid(self) -> dict[str, list[dict[str, Any]]]:
        """Quarantine rows by record_uid, of those whose identifier could be read."""
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in self.waiting:
            if row["record_uid"] is not None:
                found[row["record_uid"]].append(row)
        return found

    @cached_property
    def nameless(self) -> dict[str, list[dict[str, Any]]]:
        """The other quarantine rows by the identifier in what was delivered, which may be a piece of a broken line."""
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in self.waiting:
            if row["record_uid"] is None:
                found[payload_id(self.app, row["payload"])].append(row)
        return found


def pulled(lake: Lake, app: str, outcomes: Iterable[OutcomeRecord]) -> Pulled:
    """The last slices of an app's datasets and how their pulls ended."""
    made = Pulled(app, {item.dataset: item for item in outcomes if item.app == app}, {})
    for dataset, outcome in made.outcomes.items():
        manifest = lake.latest(DatasetKey(outcome.city, app, dataset))
        if manifest is None:
            continue
        made.manifests[dataset] = manifest
        rows = [
            row for name in manifest.standard for row in pq.read_table(pa.BufferReader(lake.read(name))).to_pylist()
        ]
        made.rows += sorted(rows, key=lambda row: int(row["slice_row"]))
        for name in manifest.quarantine:
            made.waiting += [
                {**row, "payload": row["payload"].decode(), "dataset": dataset}
                for row in lake.read_quarantine(name).to_pylist()
            ]
    return made


def inventories(lake: Lake) -> dict[str, Mapping[str, Any]]:
    """The attributes of each thing as a village told them last to opensid, from the archive."""
    found: dict[str, Mapping[str, Any]] = {}
    key = DatasetKey("bojonegoro", "opensid", "inventories")
    for manifest in (lake.manifest(key, slice_id) for slice_id in lake.slice_ids(key)):
        for raw in manifest.raw:
            document = json.loads(lake.raw(key, raw.sha256))
            found |= {item["id"]: item["attributes"] for item in document["data"] if "attributes" in item}
    return found


def payload_id(app: str, payload: str) -> str:
    """The identifier in a quarantined payload of which the pipeline could read none."""
    try:
        record = json.loads(payload)
    except json.JSONDecodeError:
        record = payload
    if isinstance(record, str):
        found = re.search(r'"id": ?"([^"]+)"', record)
        assert found is not None, "a quarantined line names no record"
        return found[1]
    if app in expected_health_school_tender.WAITING:
        return expected_health_school_tender.WAITING[app](record)
    for table in (expected_kominfo_papers_planning, expected_social_permit_works):
        if (named := table.waiting_id(app, record)) is not None:
            return str(named)
    value = record[APPS[app].key]
    return str(value["#text"] if isinstance(value, dict) else value)


@dataclass(repr=False)
class Case:
    """One app: what the city knows and what was pulled.

    ``shown``: what the source delivered, by identifier, of apps whose deliveries do not always say all.
    """

    app: str
    pulled: Pulled
    ledger: Sequence[Truth]
    tokens: Pseudonymiser
    shown: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def declared(self) -> App:
        return APPS[self.app]

    @cached_property
    def truths(self) -> list[Truth]:
        """The true records as the standard should hold them."""
        several = RECORDS.get(self.app)
        return [one for truth in self.ledger for one in (several(truth) if several is not None else [truth])]

    @cached_property
    def ids(self) -> list[str]:
        """The identifier of each true record in the standard: a token where the identifier is personal."""
        ids = [self.declared.uid(truth) for truth in self.truths]
        kind = TOKENS.get(self.app)
        return [str(made) for made in self.tokens.tokens(kind, [*ids])] if kind is not None else ids

    def standard(self, number: int) -> list[dict[str, Any]]:
        """The standard rows of a true record."""
        return self.pulled.by_id.get(self.ids[number], [])

    def waiting(self, number: int) -> list[dict[str, Any]]:
        """The quarantine rows of a true record."""
        found = list(self.pulled.nameless.get(self.declared.uid(self.truths[number]), []))
        for dataset, outcome in self.pulled.outcomes.items():
            identity = f"{outcome.city}|{self.app}|{dataset}|{self.ids[number]}"
            found += self.pulled.by_uid.get(hashlib.sha256(identity.encode()).hexdigest()[:32], [])
        return found

    def expected(self, truth: Truth) -> Held | Kept:
        """What becomes of a true record."""
        if self.app == "opensid":
            special = expected_family_village_trade.by_generation(truth, self.shown[truth["record_id"]])
            if special is not None:
                return special
        if truth["defect"] is not None:
            return self.declared.defects[truth["defect"]]
        kept = expected_social_permit_works.KEPT.get(self.app)
        return self.declared.waits(truth) or (kept(truth) if kept is not None else None) or Kept()

    # -- comparisons -----------------------------------------------------------------------------------------------------

    def nothing_is_lost(self) -> None:
        """Every delivered row is a standard row or a quarantined record, once; the counts of manifests and outcomes are true.

        What was skipped is as much as the source tells beside its records.
        """
        delivered = 0
        for dataset, outcome in self.pulled.outcomes.items():
            manifest = self.pulled.manifests[dataset]
            waiting = [row for row in self.pulled.waiting if row["dataset"] == dataset]
            refused = {row["slice_row"] for row in waiting if row["scope"] == "record"}
            taken = [row["slice_row"] for row in self.pulled.rows if row["source_dataset"] == dataset]
            assert len(taken) == len(set(taken))
            assert not refused & set(taken)
            rows = len(taken) + len(refused)
            assert sorted(refused | set(taken)) == list(range(rows))
            delivered += rows
            values = sum(row["scope"] == "value" for row in waiting)
            for told in (manifest, outcome):
                counts = (told.records, told.accepted, told.quarantined, told.values_quarantined)
                assert counts == (rows, len(taken), len(refused), values)
            assert manifest.skipped == outcome.skipped
            counted = Counter((row["scope"], row["reason"], row["rule"], row["field"]) for row in waiting)
            assert {tuple(item[:4]): item[4] for item in manifest.waiting} == counted
        assert delivered == sum(truth["delivered"] for truth in self.truths)
        assert sum(item.skipped for item in self.pulled.outcomes.values()) == self.declared.skipped(self.ledger)

    def every_record_is_where_it_belongs(self) -> None:
        """As many rows as were delivered, in the standard or in quarantine with a fitting reason, and no others."""
        wrong: list[str] = []
        for number, truth in enumerate(self.truths):
            rows, reasons = self.standard(number), self.waiting(number)
            want = self.expected(truth)
            told = f"{truth['record_id']} ({truth['defect']})"
            places = {(row["dataset"], row["slice_row"]) for row in reasons if row["scope"] == "record"}
            if isinstance(want, Held):
                found = {(row["reason"], row["field"]) for row in reasons if row["scope"] == "record"}
                if rows or len(places) != truth["delivered"] or not found & want.reasons:
                    wrong.append(
                        f"{told} should wait for {sorted(want.reasons)}: {len(rows)} rows, waits for {sorted(found)}"
                    )
                continue
            if len(rows) != truth["delivered"] or places:
                why = [row["reason"] for row in reasons]
                wrong.append(f"{told} should be loaded {truth['delivered']} times: {len(rows)} rows, waits for {why}")
            values = {(row["field"], row["reason"]) for row in reasons if row["scope"] == "value"}
            if {name for name, _ in values} != set(want.without) or not {why for _, why in values} <= want.reasons:
                wrong.append(f"{told} should be loaded without {want.without}: {sorted(values)}")
        assert not wrong, _several(wrong)
        assert set(self.pulled.by_id) <= set(self.ids)

    def every_value_is_the_true_one(self) -> None:
        """Equal to the ledger; what the declaration cannot know is null and flagged."""
        wrong: list[str] = []
        compared = 0
        for number, truth in enumerate(self.truths):
            want = self.expected(truth)
            if isinstance(want, Held):
                continue
            told = f"{truth['record_id']} ({truth['defect']})"
            for row in self.standard(number)[-1:]:
                flags = set(json.loads(row["quality_flags"])) - {"PERSONAL_DATA_REDACTED"}
                missing = None
                if truth["defect"] is None and self.shown:
                    missing = expectations.unplaced(self.app, truth, self.shown.get(truth["record_id"], {}))
                allowed = set(want.flags) | ({missing} if missing else set())
                if (want.flags and not flags & want.flags) or not flags <= allowed:
                    wrong.append(f"{told}: flags {sorted(flags)}, not {sorted(allowed)}")
                for column, true in self.declared.values.items():
                    if column in want.unlike:
                        continue
                    value = None if column == "region_code" and missing is not None else true(truth)
                    compared += 1
                    if row[column] != value:
                        wrong.append(f"{told}: {column} is {row[column]!r}, not {value!r}")
                wrong += [f"{told}: {column} is not null" for column in want.without if row[column] is not None]
        assert not wrong, _several(wrong)
        assert compared > 0

    def a_doubtful_place_is_never_another_place(self) -> None:
        """Where a name is misspelt or unknown, the place is the true village, its district, the regency, or none."""
        for number, truth in enumerate(self.truths):
            near = {truth.get("village"), truth.get("district"), None, "35.22"}
            for row in self.standard(number):
                flags = json.loads(row["quality_flags"])
                assert row["region_code"] in near, truth["record_id"]
                if "REGION_VILLAGE_UNRESOLVED" in flags:
                    assert (row["region_code"], row["region_level"]) == (truth["district"], "district")
                if "REGION_UNRESOLVED" in flags:
                    assert (row["region_code"], row["region_match"]) == (None, "none")
                if "REGION_FUZZY" in flags:
                    assert row["region_match"] == "fuzzy"
                    assert 0 < row["region_score"] < 100
                if row["region_code"] is not None:
                    assert DOTTED.fullmatch(row["region_code"])

    def tokens_tell_identities_apart(self, at_least: int) -> None:
        """One identity, one token, whatever way it is written; two identities, two tokens. ``at_least`` identities are seen."""
        for column, identity in self.declared.tokens.items():
            pairs = set()
            for number, truth in enumerate(self.truths):
                want = self.expected(truth)
                if isinstance(want, Kept) and column not in want.unlike:
                    pairs |= {(identity(truth), row[column]) for row in self.standard(number)}
            assert len(pairs) >= at_least
            assert all(re.fullmatch(r"t1_[a-z2-7]{26}", token or "") for _, token in pairs), column
            assert len({one for one, _ in pairs}) == len({token for _, token in pairs}) == len(pairs), column


def _several(wrong: Sequence[str]) -> str:
    return f"{len(wrong)} differences:\n" + "\n".join(wrong[:12])
