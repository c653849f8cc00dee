"""What the pages say, in English and Indonesian, and how numbers and periods are written in each. No markup here."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from opg_pipeline.model.base import Label
from opg_pipeline.publish.measures import CAVEATS
from opg_pipeline.publish.views import CAVEATS_ID

Language = Literal["id", "en"]
LANGUAGES: tuple[Language, ...] = ("id", "en")
NAMES: dict[Language, str] = {"id": "Bahasa Indonesia", "en": "English"}

WORDS: dict[str, Label] = {
    "title": Label(en="Open numbers of {city}", id="Angka terbuka {city}"),
    "skip": Label(en="Skip to the content", id="Lompat ke isi"),
    "home": Label(en="All measures", id="Semua ukuran"),
    "lead": Label(
        en="Every number here is a total, and tells what it rests on: how many records, how many of the apps that should report did, and what "
        "to be careful about. A number is no verdict; below each one is the way down to where it comes from.",
        id="Setiap angka di sini adalah agregat dan menyebut dasarnya: berapa rekaman, berapa aplikasi yang seharusnya melapor dan benar-benar "
        "melapor, serta catatan kehati-hatiannya. Angka bukan putusan; di bawah tiap angka ada jalan menuju asalnya.",
    ),
    "made": Label(en="Made on {at} UTC.", id="Dibuat {at} UTC."),
    "category": Label(en="Category", id="Kategori"),
    "measure": Label(en="Measure", id="Ukuran"),
    "newest": Label(en="Newest closed period", id="Periode tertutup terbaru"),
    "value": Label(en="Value", id="Nilai"),
    "records": Label(en="Records", id="Rekaman"),
    "coverage": Label(en="Apps reporting", id="Aplikasi melapor"),
    "caveats": Label(en="Be careful", id="Catatan"),
    "period": Label(en="Period", id="Periode"),
    "spread": Label(en="Eight of ten records", id="Delapan dari sepuluh rekaman"),
    "district": Label(en="District", id="Kecamatan"),
    "hidden": Label(en="hidden", id="disembunyikan"),
    "none": Label(en="no data yet", id="belum ada data"),
    "nothing": Label(en="none", id="tidak ada"),
    "range": Label(en="{low} to {high}", id="{low} sampai {high}"),
    "of": Label(en="{n} of {all}", id="{n} dari {all}"),
    "table": Label(en="The numbers of this chart", id="Angka di balik grafik ini"),
    "newest_rows": Label(en="The newest {n} periods; all are in the CSV.", id="{n} periode terbaru; selengkapnya dalam CSV."),
    "districts": Label(en="Districts, {period}", id="Kecamatan, {period}"),
    "more": Label(
        en="{n} more series are in the CSV.", id="{n} deret lainnya ada dalam CSV."
    ),
    "meaning": Label(en="What it means", id="Artinya"),
    "concept": Label(en="Concept", id="Konsep"),
    "definition": Label(en="Definition", id="Definisi"),
    "interpretation": Label(en="How to read it", id="Cara membaca"),
    "not_counted": Label(en="Not counted", id="Tidak dihitung"),
    "steward": Label(en="Steward", id="Penanggung jawab"),
    "review": Label(en="Definition to be reviewed by", id="Definisi ditinjau sebelum"),
    "unit": Label(en="Unit", id="Satuan"),
    "down": Label(en="The way down", id="Jalan menuju asalnya"),
    "down_text": Label(
        en="Whoever runs the warehouse follows a cell to its records, answers and requests with",
        id="Pengelola gudang data menelusuri sebuah sel sampai ke rekaman, jawaban, dan permintaannya dengan",
    ),
    "downloads": Label(en="Downloads", id="Unduhan"),
    "method": Label(en="method page (English)", id="halaman metode (bahasa Inggris)"),
    "licence": Label(en="Licence", id="Lisensi"),
    "no_licence": Label(en="to be declared by the city", id="belum dinyatakan oleh daerah"),
    "english_only": Label(en="", id="Uraian ini tersedia dalam bahasa Inggris."),
    "how": Label(en="How to read a chart", id="Cara membaca grafik"),
    "how_line": Label(
        en="The line is the city's value; where it is interrupted, the number is hidden or missing. A dashed part is provisional.",
        id="Garis adalah nilai se-kabupaten; bila terputus, angkanya disembunyikan atau tidak ada. Bagian putus-putus bersifat sementara.",
    ),
    "how_band": Label(
        en="The band, where there is one, is where eight of ten records lie.",
        id="Pita, bila ada, adalah tempat delapan dari sepuluh rekaman berada.",
    ),
    "how_hidden": Label(
        en="Hidden: so few records that people could be recognised, or a number by which such a one could be worked out.",
        id="Disembunyikan: rekamannya sedemikian sedikit sehingga orang dapat dikenali, atau angka yang dapat dipakai menghitungnya.",
    ),
    "how_strip": Label(
        en="The strip below shows the share of apps that reported: full is all of them. A triangle marks a period with a caveat, an upright line "
        "a break: numbers on its two sides may not compare.",
        id="Jalur di bawah menunjukkan bagian aplikasi yang melapor: penuh berarti semua. Segitiga menandai periode bercatatan, garis tegak "
        "menandai perubahan: angka di kedua sisinya mungkin tidak sebanding.",
    ),
    "chart": Label(
        en="{name}: {n} periods from {first} to {last}. Newest shown value {value} in {when}. Lowest {low}, highest {high}.",
        id="{name}: {n} periode dari {first} sampai {last}. Nilai terbaru {value} pada {when}. Terendah {low}, tertinggi {high}.",
    ),
    "chart_empty": Label(en="{name}: every number is hidden.", id="{name}: semua angka disembunyikan."),
    "health": Label(en="How each app fares", id="Keadaan tiap aplikasi"),
}  # fmt: skip
SHORT: dict[str, Label] = {
    "BREAK_IN_SERIES": Label(en="break", id="deret berubah"),
    "LOW_COVERAGE": Label(en="apps missing", id="ada aplikasi tanpa data"),
    "PROVISIONAL": Label(en="provisional", id="sementara"),
    "QUARANTINE": Label(en="records waiting", id="ada rekaman tertahan"),
    "SMALL_N": Label(en="few records", id="sedikit rekaman"),
    "STALE_SOURCE": Label(en="old source", id="sumber lama"),
    "SUBGROUP_REVERSAL": Label(en="districts differ", id="kecamatan berlawanan"),
    "UNRESOLVED_REGION": Label(en="places unknown", id="tempat tidak diketahui"),
}
"""Each caveat in a word or two."""
_MONTHS: dict[Language, tuple[str, ...]] = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "id": ("Jan", "Feb", "Mar", "Apr", "Mei", "Jun", "Jul", "Agu", "Sep", "Okt", "Nov", "Des"),
}


def say(key: str, language: Language, **parts: Any) -> str:
    """One of WORDS."""
    return told(WORDS[key], language).format(**parts)


def told(label: Label, language: Language) -> str:
    """A label in a language."""
    return label.id if language == "id" else label.en


def caveat(name: str, language: Language) -> str:
    """What a caveat says."""
    return (CAVEATS_ID if language == "id" else CAVEATS)[name]


def number(value: float, language: Language, *, share: bool = False, places: int | None = None) -> str:
    """A number as the language writes it: 1.234,5 in Indonesian, 1,234.5 in English; a share as percent.

    Args:
        places: decimal places; else two below 100, one below 1,000, none above, without trailing zeros.
    """
    if share:
        value, places = value * 100, 1 if places is None else places
    if places is None:
        places = 2 if abs(value) < 100 else 1 if abs(value) < 1000 else 0
    text = f"{value:,.{places}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if language == "id":
        text = text.translate(str.maketrans(",.", ".,"))
    return text + ("%" if share and language == "en" else " %" if share else "")


def period(start: date, grain: str, language: Language) -> str:
    """A period in words."""
    month = _MONTHS[language][start.month - 1]
    if grain == "day":
        return f"{start.day} {month} {start.year}"
    if grain == "month":
        return f"{month} {start.year}"
    if grain == "quarter":
        quarter = (start.month + 2) // 3
        return f"Triwulan {quarter} {start.year}" if language == "id" else f"Q{quarter} {start.year}"
    return str(start.year)
