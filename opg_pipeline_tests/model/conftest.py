"""A small catalogue folder that tests may break."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

GOOD_APP = """
id: kios
name: Kios
agency: office
urusan: "2.16"
cadence: daily
evidence: {interface: assumed}
source: {base_url: "sandbox://kios"}
datasets:
- id: requests
  path: /requests
  records: data
  nature: event
  category: service_request
  key: [id]
  fields:
    service_request_id: id
    service_code: kind
    status: {from: status, map: {Baru: open, Selesai: closed}}
    requested_datetime: at
    description: text
"""

CITY = """
id: town
name: Town
label: {en: Town, id: Kota}
timezone: Asia/Jakarta
locale: {decimal: ",", thousands: ".", date: dd/mm/yyyy, datetime: "dd/mm/yyyy HH:MM", missing: [""]}
agencies: [{id: office, name: Office}]
"""


class Folder:
    """A catalogue folder with one city and one app."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("cities/town/city.yaml", CITY)
        self.app(GOOD_APP)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip(), encoding="utf-8")
        return path

    def app(self, text: str) -> Path:
        return self.write("cities/town/apps/kios.yaml", text)

    def changed(self, old: str, new: str) -> Path:
        assert old in GOOD_APP, old
        return self.app(GOOD_APP.replace(old, new))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)
