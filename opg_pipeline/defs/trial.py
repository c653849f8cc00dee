"""One page of one dataset through every stage, with nothing stored: for `opg app preview` and `opg app test`. No Dagster here.

Pulling, normalising and validating are the pipeline's own; only what they hand on is thrown away. Tokens are made with a key of
the moment, so that those of a trial can be joined with nothing.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections import Counter
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from opg_pipeline.defs.deployment import Deployment, DeploymentError
from opg_pipeline.extract import Access, Puller, dataset_secret_names, secret_names
from opg_pipeline.model.base import Locale
from opg_pipeline.model.catalog import DatasetRef
from opg_pipeline.model.crosscheck import IDENTITY_PARSES, TOLD_BY
from opg_pipeline.model.handover import ENVELOPE, SLICE_ROW, Outcome, Page, PullError, PullFacts, RawRef
from opg_pipeline.model.paths import follow, parse_path
from opg_pipeline.normalise import Normaliser, Pseudonymiser
from opg_pipeline.normalise.gate import find_undeclared
from opg_pipeline.normalise.privacy import STRUCK, redact
from opg_pipeline.probe.columns import columns
from opg_pipeline.probe.personal import mark_personal
from opg_pipeline.settings import SecretMissing
from opg_pipeline.validate import validate

PAGES = 5
"""Most pages looked at for one that has records."""
WAITING = 0.1
"""Share of the records from which those that wait are a failure of the mapping."""
_SHOWN = frozenset(name for name, _, _ in ENVELOPE) - {"region_code", "region_match", "event_at", "quality_flags"} | {
    SLICE_ROW
}
_HIDE_PARSES = IDENTITY_PARSES | TOLD_BY.keys()
_WORD = re.compile(r"[^\W\d_]{4,}|\d{4,}")


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of a trial: how it went in words, and what to do where it did not."""

    name: str
    good: bool
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One record: as it came with its personal values struck out, as it became (None where it waits), and what was refused."""

    raw: dict[str, Any]
    standard: dict[str, Any] | None
    rejects: list[dict[str, str]]


@dataclass(slots=True)
class Trial:
    """What one page of a dataset became. ``standard`` holds the accepted records; ``steps`` end at the first that failed."""

    dataset: str
    steps: list[Step] = field(default_factory=list)
    page: Page | None = None
    standard: pa.Table | None = None
    rejected: pa.Table | None = None

    @property
    def good(self) -> bool:
        return all(step.good for step in self.steps)


def datasets_of(deployment: Deployment, app_id: str) -> list[DatasetRef]:
    """The datasets of one app, also of one that is paused. Raises DeploymentError for an app that is not declared."""
    found = [ref for ref in deployment.catalog.datasets(deployment.city.city.id, active=False) if ref.app.id == app_id]
    if not found:
        raise DeploymentError(
            f"There is no app {app_id!r} in {deployment.city.city.id}. See `opg check` and OPG_CATALOG."
        )
    return found


async def try_dataset(deployment: Deployment, ref: DatasetRef, *, suite: bool = True) -> Trial:
    """One page through every stage. Never raises for what the source does; the failing step says it."""
    trial = Trial(ref.name)
    facts = PullFacts()
    page = await _page(deployment, ref, facts, trial)
    if page is None:
        return trial
    trial.page = page
    if not page.records:
        trial.steps.append(
            Step(
                "records found",
                False,
                "the first page is empty",
                "check `query` and `incremental.start`, or try later.",
            )
        )
        return trial
    trial.steps.append(Step("records found", True, f"{len(page.records):,} on one page"))
    if _mapped(deployment, ref, page, trial) and suite:
        _judged(ref, trial)
    return trial


async def _page(deployment: Deployment, ref: DatasetRef, facts: PullFacts, trial: Trial) -> Page | None:
    """The first page with records, or the last one looked at; None where it cannot be had."""
    source = ref.app.source
    try:
        names = (*secret_names(source), *dataset_secret_names(ref.dataset))
        access = Access(
            deployment.settings.source_url(ref.app.id, source.base_url),
            {name: deployment.settings.secret(name) for name in names},
        )
    except SecretMissing as error:
        hint = f"set {error.name} in the environment or in $OPG_HOME/secrets.env."
        if error.name == "OPG_SANDBOX_URL":
            hint = "add --sandbox, or set OPG_SANDBOX_URL."
        trial.steps.append(Step("secrets", False, f"{error.name} is not set", hint))
        return None
    if names:
        trial.steps.append(Step("secrets", True, ", ".join(names)))
    locale = ref.app.locale.over(ref.city.locale).over(Locale(timezone=ref.city.timezone))
    last: Page | None = None
    try:
        async with Puller(ref.app, access, locale=locale, longest_wait=5.0) as puller:
            pages = puller.pages(ref.dataset, store=_unstored, facts=facts, regions=deployment.region_codes)
            async with aclosing(pages):
                async for page in pages:
                    last = page
                    if page.records or page.number >= PAGES:
                        break
    except PullError as error:
        reached = error.outcome in _REACHED
        if reached:
            trial.steps.append(Step("reachable", True, f"{facts.requests} requests"))
        name = (
            "decoded"
            if reached
            else "let in"
            if error.outcome in {Outcome.AUTH_FAILED, Outcome.MISSING_SECRET}
            else "reachable"
        )
        trial.steps.append(Step(name, False, error.what, error.hint))
        return None
    trial.steps.append(Step("reachable", True, f"{facts.requests} request{'s' if facts.requests != 1 else ''}"))
    if last is None:
        trial.steps.append(Step("records found", False, "there is no page", "check `for_each` and `incremental`."))
    else:
        trial.steps.append(Step("decoded", True, f"{ref.dataset.format.type}, {facts.bytes:,} bytes"))
    return last


_REACHED = {Outcome.MALFORMED, Outcome.UNSUCCESSFUL, Outcome.TOO_LARGE, Outcome.PAGING_LOOP}


def _unstored(body: bytes, *, url: str, method: str, status: int, content_type: str) -> RawRef:
    return RawRef(hashlib.sha256(body).hexdigest(), len(body), url, method, status, datetime.now(UTC), content_type)


def _mapped(deployment: Deployment, ref: DatasetRef, page: Page, trial: Trial) -> bool:
    try:
        normaliser = Normaliser(
            ref, tokens=Pseudonymiser(secrets.token_bytes(32)), resolver=deployment.resolver, slice_id="trial", ingested_at=datetime.now(UTC)
        )  # fmt: skip
        result = normaliser.normalise([page])
    except PullError as error:
        trial.steps.append(Step("gate", False, error.what, error.hint))
        return False
    except ValueError as error:
        trial.steps.append(Step("mapped", False, str(error), "correct the manifest."))
        return False
    trial.steps.append(Step("gate", True, "no undeclared personal data"))
    trial.standard, trial.rejected = result.accepted, result.rejected
    accepted, waiting = result.accepted.num_rows, result.records_rejected
    counted = Counter(
        f"{reason} in {name or 'the key'}"
        for reason, name in zip(
            *(result.rejected.column(part).to_pylist() for part in ("reason", "field")), strict=True
        )
    )
    why = f": {', '.join(f'{text} ({n})' for text, n in counted.most_common(3))}" if counted else ""
    skipped = f", {result.skipped} skipped" if result.skipped else ""
    good = accepted > 0 and waiting <= WAITING * result.records
    trial.steps.append(
        Step(
            "mapped", good, f"{accepted:,} of {result.records:,} records accepted, {waiting:,} wait, {result.values_rejected:,} values wait{skipped}{why}",
            "" if good else "compare `fields` with the records: `opg app preview` shows them side by side.",
        )
    )  # fmt: skip
    return bool(accepted > 0)


def _judged(ref: DatasetRef, trial: Trial) -> None:
    """Great Expectations on the page. A rule on records fails the trial where more than a tenth of them fail it."""
    assert trial.standard is not None
    report = validate(ref.category, trial.standard)
    bad = [
        result
        for result in report.results
        if result.error
        or (result.severity == "block" and not result.success)
        or (result.severity == "quarantine" and result.unexpected > WAITING * max(1, report.rows))
    ]
    failing = [result for result in report.results if not result.success]
    told = f"{len(report.results)} rules, {len(failing)} with findings"
    if failing:
        told += f" ({', '.join(f'{item.rule} {item.unexpected}' for item in failing[:3])})"
    hint = (
        "" if not bad else "; ".join(item.error or item.description for item in bad[:3]) + " See the category's rules."
    )
    trial.steps.append(Step("rules", not bad, told, hint))


def rows_of(ref: DatasetRef, trial: Trial, limit: int, names: dict[str, str]) -> list[Row]:
    """The first records of a trial, raw beside standard. ``names`` are those of columns that are personal."""
    if trial.page is None:
        return []
    records = trial.page.records
    # `skip` leaves rows out before they are numbered, so they are left out here too.
    kept = [record for record in records if not _skipped(ref, record)]
    hidden = _hidden(ref, kept, names)
    accepted = {row[SLICE_ROW]: row for row in (trial.standard.to_pylist() if trial.standard is not None else [])}
    refused: dict[int, list[dict[str, str]]] = {}
    for row in trial.rejected.to_pylist() if trial.rejected is not None else []:
        refused.setdefault(row[SLICE_ROW], []).append(
            {
                "scope": row["scope"],
                "field": row["field"] or "key",
                "reason": row["reason"],
                "looks_like": row["value_class"],
            }
        )
    shown = []
    for number, record in enumerate(kept[:limit]):
        standard = accepted.get(number)
        shown.append(
            Row(
                struck(record, hidden),
                None
                if standard is None
                else {
                    name: value for name, value in standard.items() if name not in _SHOWN and value not in (None, [])
                },
                refused.get(number, []),
            )
        )
    return shown


def _skipped(ref: DatasetRef, record: Any) -> bool:
    found = (
        (str(follow(record, parse_path(path).steps) or "").strip(), values) for path, values in ref.dataset.skip.items()
    )
    return bool(any(text in values for text, values in found))


def _hidden(ref: DatasetRef, records: list[Any], names: dict[str, str]) -> list[str]:
    """Paths of the record whose values are not shown."""
    fields = {item.name: item for item in ref.category.fields}
    paths = list(ref.dataset.personal)
    for name, mapping in ref.dataset.fields.items():
        item = fields.get(name)
        if mapping.parse in _HIDE_PARSES or (item is not None and (item.token or item.privacy == "direct")):
            paths += mapping.paths
    found = {item.path: item.why for item in find_undeclared(records, ())}
    own = columns(records)
    mark_personal(own, found, names)
    return [*paths, *found, *(column.path for column in own if column.personal)]


def struck(record: Any, hidden: Iterable[str]) -> dict[str, Any]:
    """The record's values by path, those at or below ``hidden`` struck out, and their words out of all other texts."""
    covered = {parse_path(path).steps for path in hidden if not path.startswith(("^", "/", "$"))}
    leaves = list(_leaves(record, "", ()))
    secret = {steps for _, steps, _ in leaves if any(steps[:length] in covered for length in range(1, len(steps) + 1))}
    needles = {word.lower() for _, steps, value in leaves if steps in secret for word in _WORD.findall(str(value))}
    shown: dict[str, Any] = {}
    for path, steps, value in leaves:
        if steps in secret:
            shown[path] = STRUCK if value not in (None, "") else value
        elif isinstance(value, str):
            text = redact(value, free=len(value) > 20)
            shown[path] = (
                _WORD.sub(lambda match: STRUCK if match[0].lower() in needles else match[0], text)
                if len(value) > 20
                else text
            )
        elif isinstance(value, int) and not isinstance(value, bool):
            told = redact(str(value), free=False)
            shown[path] = value if told == str(value) else told
        else:
            shown[path] = value
    return shown


def _leaves(value: Any, path: str, steps: tuple[Any, ...]) -> Iterable[tuple[str, tuple[Any, ...], Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else str(key), (*steps, str(key)))
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value[:20]):
            yield from _leaves(item, f"{path}[{place}]", (*steps, place))
    else:
        yield path, steps, value
