"""Which columns say where a record is, by comparing their values with the places of the city."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from opg_pipeline.model.reference import Region
from opg_pipeline.probe.columns import Column

_SHARE, _LEAST = 0.6, 3
_BEFORE = re.compile(r"^(?:kec(?:amatan)?|desa|ds|kel(?:urahan)?|kab(?:upaten)?)\b\.?\s*", re.IGNORECASE)


def mark_places(columns: Iterable[Column], regions: Sequence[Region]) -> None:
    """Set ``place`` of the columns whose values are districts, villages or codes of the city."""
    names: dict[str, set[str]] = {"district": set(), "village": set()}
    codes: set[str] = set()
    for region in regions:
        codes |= {_digits(region.code), region.bps_code}
        if region.level in names:
            names[region.level] |= {_plain(region.name), _plain(region.bps_name)}
    codes -= {""}
    names = {level: known - {""} for level, known in names.items()}
    for column in columns:
        if column.kind not in {"text", "integer", "number"} or column.present < _LEAST or column.personal:
            continue
        texts = [str(value) for value in column.values[:300]]
        found = {
            "code": sum(_digits(text) in codes and len(_digits(text)) >= 4 for text in texts),
            **{level: sum(_plain(text) in known for text in texts) for level, known in names.items()},
        }
        # Some villages bear the name of their district: the level with more finds counts, and a tie is a district's.
        best = max(("code", "district", "village"), key=lambda level: found[level])
        if found[best] >= max(_LEAST, _SHARE * len(texts)):
            column.place = best


def _plain(text: str) -> str:
    return re.sub(r"[^a-z]", "", _BEFORE.sub("", text.strip()).lower())


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text) if re.fullmatch(r"[\d.]+", text.strip()) else ""
