"""Reads the recordings by the standard library, lxml and openpyxl: what the pipeline's result is compared with. Imports nothing of it."""

from __future__ import annotations

import csv
import json
import os
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zipfile import ZipFile
from zoneinfo import ZoneInfo

from lxml import etree
from openpyxl import load_workbook

ROOT = Path(os.environ.get("OPG_RECORDED") or Path(__file__).resolve().parents[3] / "shared" / "recorded")


def read_json(name: str) -> Any:
    """A JSON file; numbers with a fraction are exact."""
    return json.loads((ROOT / name).read_text(encoding="utf-8-sig"), parse_float=Decimal)


def read_csv(name: str, delimiter: str = ",") -> list[dict[str, str]]:
    with (ROOT / name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def read_call(name: str) -> Any:
    """JSON in a call, `callback({...})`; numbers with a fraction are exact."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return json.loads(text[text.index("(") + 1 : text.rindex(")")], parse_float=Decimal)


def read_member(name: str, member: str) -> list[dict[str, str]]:
    """A CSV file inside a zip."""
    with ZipFile(ROOT / name) as archive:
        return list(csv.DictReader(archive.read(member).decode().splitlines()))


def folders() -> set[str]:
    """The systems that were recorded."""
    return {path.parent.name for path in ROOT.glob("*/meta.yaml")}


def read_xml(name: str) -> Any:
    return etree.parse(ROOT / name).getroot()


def read_sheet(name: str) -> list[dict[str, Any]]:
    """Rows of the first sheet by the names in its first row."""
    rows = load_workbook(ROOT / name, read_only=True).worksheets[0].iter_rows(values_only=True)
    header = [str(cell) for cell in next(rows)]
    return [dict(zip(header, row, strict=True)) for row in rows]


def text_of(element: Any, path: str) -> str | None:
    """Trimmed text of the first element at ``path``; None where it is absent or empty."""
    found = element.find(path)
    return None if found is None or not (found.text or "").strip() else found.text.strip()


def utc(text: str, pattern: str, zone: str = "UTC") -> datetime:
    """``text`` read by a strptime pattern, as UTC; ``zone`` where it carries no offset."""
    moment = datetime.strptime(" ".join(text.split()), pattern)
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)


def iso(text: str, zone: str = "UTC") -> datetime:
    """ISO 8601 as UTC; ``zone`` where it carries no offset."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
