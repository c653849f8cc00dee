"""Personal data on its way through one dataset: what stops it, what becomes a token, what is written over.

Detection is privacy's and the gate's; which fields hold what is the plan's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from opg_pipeline.model.catalog import DatasetRef
from opg_pipeline.model.handover import Outcome, PullError
from opg_pipeline.normalise import privacy
from opg_pipeline.normalise.columns import Batch
from opg_pipeline.normalise.gate import find_undeclared
from opg_pipeline.normalise.plan import FieldPlan, Planner
from opg_pipeline.normalise.reasons import Mask
from opg_pipeline.normalise.tokens import Pseudonymiser


class Guard:
    """The protection of one slice.

    A value that looks personal in a part of the key becomes a token, in `source_record_id` and in the column alike: two things
    written over would be one.

    Args:
        ref: the dataset.
        planner: says which paths are personal.
        plans: the fields that are stored.
        tokens: makes the tokens of identities.
    """

    def __init__(self, ref: DatasetRef, planner: Planner, plans: list[FieldPlan], tokens: Pseudonymiser) -> None:
        self.ref, self.tokens = ref, tokens
        self._planner, self._plans = planner, plans
        self._struck = planner.identity_paths()
        self._key_paths = frozenset(ref.dataset.key_paths)
        self._gated = False

    def gate(self, batch: Batch) -> None:
        """Stops the dataset when its first records hold personal data that nobody declared."""
        if self._gated or not batch.rows:
            return
        self._gated = True
        findings = find_undeclared(batch.records, self._planner.declared_personal())
        if findings:
            listed = "; ".join(f"{finding.path} ({finding.why})" for finding in findings)
            raise PullError(
                Outcome.PERSONAL_DATA,
                f"{self.ref.name} sends personal data that its declaration does not name: {listed}.",
                "Add the paths to `personal`, or map them with their parse (such as `parse: phone`) to a field of privacy pseudonym.",
            )

    def protect(self, columns: dict[str, Any], marks: dict[str, Mask], batch: Batch, keep: Any) -> None:
        """Tokens for identities; texts redacted, in place."""
        wanted = self._needles(batch, keep) if any(plan.scan for plan in self._plans) else None
        touched = np.zeros(len(keep), bool)
        for plan in self._plans:
            values = columns[plan.name]
            if plan.token is not None:
                columns[plan.name] = self.tokens.column(plan.token, values)
            elif plan.scan and plan.field is not None and values.null_count < len(values):
                structured = plan.kind in {"list", "map"}
                if plan.field.privacy == "sensitive_text":
                    values = privacy.redact_column(values, privacy.suspects(values), free=True)
                else:
                    values, found = self._redacted(plan, values, structured)
                    touched |= found
                if wanted is not None:
                    values, struck = privacy.strike(values, wanted, structured=structured)
                    if plan.field.privacy != "sensitive_text":
                        touched |= struck
                columns[plan.name] = values
        marks["PERSONAL_DATA_REDACTED"] = touched

    def _redacted(self, plan: FieldPlan, values: Any, structured: bool) -> tuple[Any, Mask]:
        """A column that should hold no personal data, without what slipped in. Raises PullError when it is no slip."""
        found = privacy.scan(values)
        hits = int(found.rows.sum())
        if hits >= privacy.LEAST and hits >= privacy.SHARE * found.values and plan.field is not None:
            kinds = ", ".join(f"{kind} in {number}" for kind, number in found.counts.items())
            raise PullError(
                Outcome.PERSONAL_DATA,
                f"{self.ref.name}: field {plan.name!r} (from {', '.join(plan.mapping.paths)}, privacy {plan.field.privacy}) "
                f"holds personal data in {hits} of {found.values} values: {kinds}.",
                "Map the path with its parse to a field of privacy pseudonym, or to one of privacy sensitive_text, or list it under `personal`.",
            )
        if plan.mapping.paths and self._key_paths.issuperset(plan.mapping.paths):
            return self._tokenised(values, found.rows), found.rows
        return privacy.redact_column(values, found.rows, free=False, structured=structured), found.rows

    def key_part(self, values: Any) -> Any:
        """A part of the key that is not declared personal, with tokens where it looks personal all the same."""
        return self._tokenised(values, privacy.scan(values).rows)

    def _tokenised(self, values: Any, rows: Mask) -> Any:
        if not rows.any():
            return values
        mask = pa.array(rows)
        return pc.replace_with_mask(values, mask, self.tokens.column(self._planner.identifier, values.filter(mask)))

    def _needles(self, batch: Batch, keep: Any) -> privacy.Needles | None:
        """Per accepted record what of its own personal values is struck out of its texts."""
        if not self._struck:
            return None
        return privacy.Needles([batch.column(path) for path in self._struck], keep.tolist())
