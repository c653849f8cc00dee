"""Units of measure as UCUM codes, by the words and signs that Indonesian sources write. Nothing is converted here.

Source: The Unified Code for Units of Measure (ucum.org), case sensitive. What can be counted but not measured (ekor, butir,
sachets) has an annotation in braces, as UCUM says.
"""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa

from opg_pipeline.normalise.parsing import Parsed, Parser, Refused
from opg_pipeline.normalise.texts import folded

_WRITTEN = {
    "kg": "kg kilo kilogram", "g": "g gr gram", "mg": "mg miligram", "t": "t ton",
    "l": "l lt ltr liter", "ml": "ml mililiter cc", "m": "m meter mtr", "cm": "cm sentimeter", "mm": "mm milimeter",
    "km": "km kilometer", "m2": "m2 m² meter|persegi", "har": "ha hektar hektare", "km2": "km2 km²", "m3": "m3 m³ meter|kubik",
    "m3/s": "m3/s m³/s m3/dt m3/detik", "l/s": "l/s l/dt l/detik liter/detik", "m/s": "m/s m/dt m/detik", "km/h": "km/h km/jam",
    "Cel": "cel °c ºc c celsius derajat|celsius", "%": "% persen", "deg": "deg ° º derajat", "W": "w watt", "kW": "kw", "kW.h": "kwh",
    "V": "v volt", "A": "a ampere", "hPa": "hpa", "mbar": "mbar", "ug/m3": "ug/m3 µg/m3 μg/m3 µg/m³ μg/m³", "mg/l": "mg/l",
    "[pH]": "ph", "dB": "db", "lx": "lux lx", "d": "hari hr", "h": "jam", "min": "menit mnt", "s": "detik dtk", "mo": "bulan bln", "a": "tahun thn",
    "{person}": "orang jiwa", "{household}": "kk rumah|tangga", "{unit}": "unit", "{head}": "ekor", "{piece}": "buah bh butir biji pcs",
    "{stem}": "batang btg", "{sheet}": "lembar lbr", "{bundle}": "ikat", "{pack}": "bungkus bks pak", "{sack}": "zak sak karung",
    "{bottle}": "botol btl", "{can}": "kaleng klg", "{sachet}": "saset sachet", "{village}": "desa", "{case}": "kasus", "{event}": "kejadian",
    "{package}": "paket", "{room}": "kamar", "{bed}": "tempat|tidur",
}  # fmt: skip
UNITS: Final = {word.replace("|", " "): ucum for ucum, words in _WRITTEN.items() for word in words.split()}
"""What is written, in small letters, and its UCUM code."""


class UnitParser(Parser):
    """The UCUM code of a unit as it is written, without regard to case. Refuses with bad_unit what is not in the list."""

    refusal = "bad_unit"
    name = "unit"

    def __init__(self) -> None:
        super().__init__(pa.string())

    def text(self, values: Any) -> Parsed:
        return self.each(values, self._read)

    def _read(self, text: str) -> str:
        try:
            return UNITS[folded(text)]
        except KeyError:
            raise Refused(self.refusal) from None
