"""Marks the columns that hold personal data: by what the gate of the pipeline found, by their names, and by the shape of names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from opg_pipeline.probe.columns import Column, words_of

_PERSON = re.compile(r"(?:[A-Z][A-Za-z'.]*\.?,?\s+){1,5}[A-Z][A-Za-z'.]+(?:,\s*[A-Z][A-Za-z.]+)*")
_PARSES = (
    ("no_kk", ("kk",)), ("nip", ("nip", "nipbaru")), ("npwp", ("npwp", "npwpd")), ("nik", ("nik", "ktp")), ("email", ("email", "surel", "mail")),
    ("phone", ("hp", "phone", "telp", "telepon", "wa", "whatsapp", "kontak", "dari", "handphone", "nomor_hp")), ("account", ("rekening", "norek")),
    ("name", ("nama", "name")),
)  # fmt: skip
_OF_THINGS = frozenset(
    [
        "layanan",
        "kategori",
        "instansi",
        "barang",
        "aset",
        "jalan",
        "ruas",
        "program",
        "paket",
        "kegiatan",
        "opd",
        "unit",
        "satuan",
        "komoditas",
        "pasar",
        "puskesmas",
        "faskes",
        "sekolah",
        "kampus",
        "usaha",
        "produk",
        "dokumen",
        "sensor",
        "pos",
        "stasiun",
        "wisata",
        "desa",
        "kecamatan",
        "kelurahan",
        "kabupaten",
        "poli",
        "dokter",
        "obat",
        "penyakit",
        "jabatan",
        "rekening",
        "file",
        "berkas",
        "objek",
        "panel",
    ]
)


def mark_personal(columns: Iterable[Column], found: Mapping[str, str], names: Mapping[str, str]) -> None:
    """Set ``personal`` of the columns. ``found``: path to why, of the gate; ``names``: name of a column to why."""
    for column in columns:
        own = words_of(column.name)
        plain = "_".join(own)
        why = next(
            (
                why
                for path, why in found.items()
                if path == column.path or path.startswith((f"{column.path}[", f"{column.path}."))
            ),
            "",
        )
        if why:
            column.personal = why
        elif plain in ("nama", "name") or (own[:1] in (("nama",), ("nm",)) and not _OF_THINGS & set(own)):
            if _like_names(column):
                column.personal = "its values look like names of persons"
        elif plain in names and column.kind in {"text", "integer", "number"}:
            column.personal = names[plain]
        elif (
            column.kind == "text"
            and not _OF_THINGS & set(own)
            and len(own) == 1
            and _like_names(column)
            and column.unique
        ):
            column.personal = "its values look like names of persons"


def _like_names(column: Column) -> bool:
    if column.kind != "text":
        return False
    texts = [str(value).strip() for value in column.values[:200]]
    like = sum(_PERSON.fullmatch(text) is not None for text in texts)
    return like >= 0.6 * len(texts) and column.distinct >= 0.3 * column.present and column.distinct > 3


def token_parse(column: Column) -> str | None:
    """How a field that keeps a token reads the column; None where its name does not say whose number it is."""
    own = set(words_of(column.name))
    return next((parse for parse, words in _PARSES if own & set(words)), None)
