"""The review of places that did not resolve: read from the raw archive, answered into a file of the catalogue. No Dagster here."""

from __future__ import annotations

import csv
import io
import os
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow.compute as pc

from opg_pipeline.defs.deployment import Deployment, DeploymentError, dataset_key
from opg_pipeline.extract import dataset_secret_names, decode
from opg_pipeline.lake import DatasetKey, LakeError
from opg_pipeline.lake.journal import user
from opg_pipeline.model.catalog import DatasetRef, aliases_file, shipped_catalog
from opg_pipeline.model.handover import Page, PullError, RawRef, SliceManifest
from opg_pipeline.model.reference import ALIAS_COLUMNS, RegionAlias
from opg_pipeline.normalise import Named, RegionResolver, Unplaced, effect, queue, unplaced
from opg_pipeline.settings import SecretMissing

_DOUBTFUL = r"REGION_(?:VILLAGE_)?UNRESOLVED"


@dataclass(frozen=True, slots=True)
class Review:
    """What waits for an answer. ``unread``: datasets whose archive cannot be read, with the reason."""

    entries: list[Unplaced]
    unread: dict[str, str]


def review(deployment: Deployment, app: str | None = None) -> Review:
    """Every place that the loaded records name and the present resolver does not know. The look is noted in the access log.

    Raises:
        DeploymentError: the city has no regions, or no such app.
    """
    resolver = _resolver(deployment)
    if app is not None and app not in deployment.city.apps:
        raise DeploymentError(f"There is no app {app!r} in {deployment.city.city.id}. `opg status` lists the apps.")
    found: dict[str, Counter[Named]] = {}
    unread: dict[str, str] = {}
    for ref in deployment.catalog.datasets(deployment.city.city.id, active=False):
        if ref.dataset.region is None or app not in {None, ref.app.id}:
            continue
        name = f"{ref.app.id}/{ref.dataset.id}"
        try:
            for page in _doubtful_pages(deployment, ref):
                found.setdefault(name, Counter()).update(unplaced(ref, page, resolver))
        except (LakeError, PullError, SecretMissing) as error:
            unread[name] = str(error)
    return Review(queue(found, resolver), unread)


def _resolver(deployment: Deployment) -> RegionResolver:
    if deployment.resolver is None:
        raise DeploymentError(f"City {deployment.city.city.id} declares no regions. Add `regions` to its city.yaml.")
    return deployment.resolver


def _doubtful_pages(deployment: Deployment, ref: DatasetRef) -> Iterator[Page]:
    """The archived answers that hold records without a region, each once."""
    key, seen = dataset_key(ref), set[str]()
    for slice_id in reversed(deployment.lake.slice_ids(key)):
        manifest = deployment.lake.manifest(key, slice_id)
        wanted = _doubtful(deployment, manifest) - seen
        for raw in manifest.raw:
            if raw.sha256 in wanted and raw.sha256 not in seen and not raw.lists:
                if not seen:
                    deployment.lake.log_access(f"raw/{key.folder}: names of places", "opg regions review")
                seen.add(raw.sha256)
                yield _page(deployment, ref, key, raw)
        if manifest.complete and manifest.nature != "event":
            return


def _doubtful(deployment: Deployment, manifest: SliceManifest) -> set[str]:
    """Addresses of the answers whose records carry a flag about their region."""
    found: set[str] = set()
    for table in deployment.lake.read_standard(manifest):
        flagged = table.filter(pc.match_substring_regex(table.column("quality_flags"), _DOUBTFUL))
        found.update(flagged.column("raw_sha256").unique().to_pylist())
    return found


def _page(deployment: Deployment, ref: DatasetRef, key: DatasetKey, raw: RawRef) -> Page:
    passwords = {name: deployment.settings.secret(name) for name in dataset_secret_names(ref.dataset)}
    decoded = decode(deployment.lake.raw(key, raw.sha256), ref.dataset, raw.content_type, passwords)
    params = {name: value for name, value in raw.params.items() if value is not None}
    return Page(decoded.records, decoded.parents, decoded.document, raw, 0, params)


# -- answers -----------------------------------------------------------------------------------------------------------


def accept(deployment: Deployment, answers: Sequence[tuple[str, str]]) -> tuple[Path, list[RegionAlias]]:
    """Keep names as aliases of regions, with who and when; returns the file and what is new in it. All are kept, or none.

    Args:
        answers: name and dotted Kemendagri code of each.

    Raises:
        DeploymentError: there is no catalogue folder of one's own, a code is no region's, or the name means another region
            whatever the alias says.
    """
    _resolver(deployment)
    declared = deployment.city.city.regions
    assert declared is not None, "there is a resolver"
    today = datetime.now(ZoneInfo(deployment.city.city.timezone)).date()
    known = {(alias.name, alias.code) for alias in deployment.city.aliases}
    codes = {region.code for region in deployment.city.regions}
    for name, code in answers:
        if code not in codes:
            raise DeploymentError(
                f"{code!r} is the code of no region. Write a dotted Kemendagri code, such as {declared.root}.01."
            )
        if not name.strip():
            raise DeploymentError(f"The name for {code} is empty. Write NAME=CODE.")
    fresh = [
        RegionAlias(name.strip(), code, user(), today)
        for name, code in dict.fromkeys(answers)
        if (name.strip(), code) not in known
    ]
    target = _own_file(deployment, declared.file)
    every = [*known, *((alias.name, alias.code) for alias in fresh)]
    after = RegionResolver(deployment.city.regions, declared.root, declared.fuzzy_threshold, every)
    for alias in fresh:
        if not effect(after, alias.name, alias.code):
            raise DeploymentError(
                f"{alias.name!r} cannot be an alias of {alias.code}: another region has this name or code itself, or an alias "
                "gives it to one. Let the app say the district too (`region.district` in its manifest)."
            )
    if fresh:
        _append(target, fresh)
    return target, fresh


def _own_file(deployment: Deployment, file: str) -> Path:
    folder = deployment.settings.catalog
    if folder is None or folder.resolve().is_relative_to(shipped_catalog().resolve()):
        raise DeploymentError(
            "Aliases are kept in a catalogue folder of your own, never in the installed package. Set OPG_CATALOG to a folder, "
            "such as ./catalog, and run the command again."
        )
    return aliases_file(folder, file)


def _append(target: Path, aliases: Sequence[RegionAlias]) -> None:
    """Add lines to the file, which appears whole or not at all."""
    before = target.read_text(encoding="utf-8") if target.is_file() else ",".join(ALIAS_COLUMNS) + "\n"
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for alias in aliases:
        writer.writerow((alias.name, alias.code, alias.by, alias.on.isoformat(), alias.note))
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    partial.write_text(before + ("" if before.endswith("\n") else "\n") + text.getvalue(), encoding="utf-8")
    os.replace(partial, target)
