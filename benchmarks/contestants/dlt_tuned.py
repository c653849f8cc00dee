"""dlt's rest_api source with its tuned settings, as a plain script would run it."""

from __future__ import annotations

from _child import Task, compete
from _dlt import LOADER_FILE_FORMAT, count, pipeline, source, stages, versions


def work(task: Task) -> dict[str, float]:
    made = pipeline(task)
    made.run(source(task), loader_file_format=LOADER_FILE_FORMAT).raise_on_failed_jobs()
    return stages(made)


if __name__ == "__main__":
    compete(work, count, versions)
