"""opg-pipeline: the apps of a city government, in one standard, with numbers that say how far they can be trusted."""

__version__ = "0.1.0"
