"""Normalise and validate on one core: records of each category a second, and where the time goes. Nothing is asserted.

    OPG_HOME=/tmp/city opg run --sandbox --no-publish
    OPG_HOME=/tmp/city taskset -c 0 python benchmarks/normalise.py --rows 250000
    OPG_HOME=/tmp/city taskset -c 0 python benchmarks/normalise.py --rows 250000 --only registry_entity --profile

Of each category the dataset with the most records is read again from its archived answers, and given to the normaliser over and over
until there are as many rows as asked for, in batches of the size that a pull makes of many records. A dataset with fewer records than
that fills a batch with them again; `apart` says how many are different, which matters, as equal texts are parsed once. The
accepted records are then judged by the category's suite in the chunks of publish. Reading and decoding answers is not counted, the
interpreter and the import of Great Expectations neither.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parent))

from profiler import Sampler

from opg_pipeline.defs.deployment import Deployment, current_deployment, dataset_key
from opg_pipeline.defs.ingest import BATCH_RECORDS
from opg_pipeline.defs.publish import VALIDATE_ROWS
from opg_pipeline.defs.replay import normaliser_for, pages_again
from opg_pipeline.extract import dataset_secret_names
from opg_pipeline.model.catalog import DatasetRef
from opg_pipeline.model.handover import Page, SliceManifest
from opg_pipeline.validate import validate, warm_up


@dataclass
class Taken:
    """CPU seconds over these rows."""

    name: str
    apart: int
    rows: int = 0
    normalise: float = 0.0
    validate: float = 0.0

    def told(self) -> str:
        whole = self.rows / (self.normalise + self.validate)
        return (
            f"{self.name:<24}{self.apart:>8,}{self.rows:>10,}{self.normalise:>8.2f}{self.validate:>8.2f}"
            f"{self.rows / self.normalise:>12,.0f}{whole:>12,.0f}"
        )


def largest(deployment: Deployment) -> dict[str, tuple[DatasetRef, SliceManifest]]:
    """Of each category the dataset whose newest slice has the most records."""
    found: dict[str, tuple[DatasetRef, SliceManifest]] = {}
    for ref in deployment.datasets():
        if dataset_secret_names(ref.dataset):  # the sandbox's passwords are gone with it
            continue
        manifest = deployment.lake.latest(dataset_key(ref))
        if manifest is not None and manifest.accepted > getattr(
            found.get(ref.category.id, (None, None))[1], "accepted", 0
        ):
            found[ref.category.id] = ref, manifest
    return dict(sorted(found.items()))


def measured(deployment: Deployment, ref: DatasetRef, manifest: SliceManifest, rows: int) -> Taken:
    """One category."""
    pages: list[Page] = []
    for page in pages_again(deployment, ref, manifest):
        if pages and sum(len(item.records) for item in pages) + len(page.records) > BATCH_RECORDS:
            break
        pages.append(page)
    apart = sum(len(page.records) for page in pages)
    pages *= max(1, BATCH_RECORDS // apart)
    batch = sum(len(page.records) for page in pages)
    taken = Taken(ref.category.id, apart)
    waiting: list[pa.Table] = []
    while taken.rows < rows:
        normaliser = normaliser_for(deployment, ref, manifest.slice_id, manifest.committed_at)
        started = time.process_time()
        accepted = normaliser.normalise(pages).accepted
        taken.normalise += time.process_time() - started
        taken.rows += batch
        waiting.append(accepted)
        if sum(table.num_rows for table in waiting) >= VALIDATE_ROWS or taken.rows >= rows:
            table = pa.concat_tables(waiting)
            waiting = []
            started = time.process_time()
            validate(ref.category, table)
            taken.validate += time.process_time() - started
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=250_000, help="rows of each category")
    parser.add_argument("--only", help="one category")
    parser.add_argument("--profile", action="store_true", help="also where the time goes")
    given = parser.parse_args()
    warm_up().join()
    deployment = current_deployment()
    chosen = {name: pair for name, pair in largest(deployment).items() if given.only in (None, name)}
    if not chosen:
        raise SystemExit(
            "There is no slice to read. Run `opg run --sandbox --no-publish` with the same OPG_HOME first."
        )
    for ref, manifest in chosen.values():  # what is made once is made beforehand
        measured(deployment, ref, manifest, 1)
    print(f"{'category':<24}{'apart':>8}{'rows':>10}{'norm s':>8}{'valid s':>8}{'norm rows/s':>12}{'rows/s':>12}")
    sampler = Sampler() if given.profile else None
    if sampler is not None:
        sampler.start()
    every = []
    for ref, manifest in chosen.values():
        every.append(measured(deployment, ref, manifest, given.rows))
        print(every[-1].told(), flush=True)
    whole = Taken("all", 0, *(sum(getattr(item, name) for item in every) for name in ("rows", "normalise", "validate")))
    print(whole.told())
    if sampler is not None:
        sampler.stop()
        print(sampler.report(25))


if __name__ == "__main__":
    main()
