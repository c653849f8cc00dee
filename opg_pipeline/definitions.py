"""Dagster's entry: the definitions of the city that the environment names. A few lines; everything is built in defs/."""

from opg_pipeline.defs.build import build_definitions
from opg_pipeline.defs.deployment import current_deployment

defs = build_definitions(current_deployment())
