"""The declaration of a partner's pack: measures over standard categories and pairs to look at, under the partner's name.

Packs on one topic stand side by side; none takes the place of another or of a shipped measure. Notes lie beside, in `context/`.
"""

from __future__ import annotations

from pydantic import Field

from opg_pipeline.model.base import Declared, Identifier, Label
from opg_pipeline.model.category import Measure

MEASURE = r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$"


class PackMeasure(Measure):
    """A measure of a pack; it becomes `<pack>__<id>` of its category."""

    category: Identifier


class Association(Declared):
    """Two measures whose movements are compared. That one comes first says nothing of causes."""

    a: str = Field(pattern=MEASURE, description="<category>.<measure>")
    b: str = Field(pattern=MEASURE, description="<category>.<measure>")
    max_lag: int = Field(0, ge=0, le=12, description="By how many periods at most `b` is taken later than `a`.")
    context: str = Field(min_length=20, description="Why this pair is looked at.")
    confounders: tuple[str, ...] = Field(min_length=1, description="What else could move both.")


class Associations(Declared):
    """Content of associations.yaml."""

    associations: tuple[Association, ...]


class Pack(Declared):
    """One partner's view of a topic."""

    id: Identifier
    title: Label
    author: str = Field(min_length=2)
    licence: str = Field(min_length=2, description="SPDX identifier, such as CC-BY-4.0.")
    topic: Identifier = Field(description="What it is about; rival packs share it.")
    city: Identifier | None = Field(None, description="City that its notes speak of; all where it is left out.")
    measures: tuple[PackMeasure, ...] = ()
    associations: tuple[Association, ...] = ()

    def measure_id(self, own: str) -> str:
        """The id under which a measure of the pack is published."""
        return f"{self.id}__{own}"
