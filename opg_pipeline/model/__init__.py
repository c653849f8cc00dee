"""Typed declarations and the rules between files. Imports nothing heavy: no pandas, no httpx, no SQLAlchemy, no Dagster."""
