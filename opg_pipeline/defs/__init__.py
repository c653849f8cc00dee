"""Composes the rooms and hands them to Dagster. The only package that imports dagster; no rule of a room is decided here."""
