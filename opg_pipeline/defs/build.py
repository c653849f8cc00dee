"""Definitions from the catalogue: one city's assets, jobs, schedules and sensors."""

from __future__ import annotations

import dagster as dg

from opg_pipeline.defs.deployment import Deployment
from opg_pipeline.defs.executor import build_executor
from opg_pipeline.defs.ingest_assets import build_ingest_asset
from opg_pipeline.defs.jobs import build_jobs, build_schedules, build_sensors
from opg_pipeline.defs.publish_assets import build_publish_asset
from opg_pipeline.defs.replay_job import build_replay_job


def build_definitions(deployment: Deployment) -> dg.Definitions:
    """All definitions of the deployment's city.

    Raises:
        DeclarationError: the catalogue has a problem.
        DeploymentError: the city is not declared.
    """
    city, refs = deployment.city.city, deployment.datasets()
    publish = build_publish_asset(deployment.catalog, refs)
    executor = build_executor(deployment.settings.executor, deployment.settings.max_concurrent)
    jobs = [*build_jobs(city, refs, [spec.key for spec in publish.specs], executor), build_replay_job(executor)]
    return dg.Definitions(
        assets=[*(build_ingest_asset(ref) for ref in refs), publish],
        jobs=jobs,
        schedules=build_schedules(city, jobs),
        sensors=build_sensors(city, jobs),
        executor=executor,
        metadata={
            "city": city.name,
            "apps": len(deployment.city.apps),
            "categories": len({r.category.id for r in refs}),
        },
    )
