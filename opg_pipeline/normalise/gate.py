"""The gate: personal data that a source sends and nobody declared stops the dataset. Looks at source records, changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from operator import itemgetter
from typing import Any

from opg_pipeline.model.paths import FieldPath, Step
from opg_pipeline.normalise.columns import plain_text
from opg_pipeline.normalise.privacy import may_be_personal, personal_kind

SAMPLE = 200
"""Records looked at."""
_SHARE, _LEAST = 0.5, 3

PERSONAL_KEYS = frozenset(
    {
        "nik", "no_nik", "nonik", "nomor_nik", "nik_ktp", "no_ktp", "noktp", "nomor_ktp", "ktp",
        "no_kk", "nokk", "nomor_kk", "kk_no",
        "nama_lengkap", "nama_pelapor", "nama_pemohon", "nama_pasien", "nama_siswa", "nama_pegawai", "nama_penduduk", "nama_warga",
        "nama_anggota", "nama_penerima", "nama_wajib_pajak", "nama_wp", "nama_ibu", "nama_ibu_kandung", "nama_ayah",
        "nama_kepala_keluarga", "nama_kk", "nama_suami", "nama_istri", "full_name", "first_name", "last_name",
        "tgl_lahir", "tanggal_lahir", "tempat_lahir", "birth_date", "date_of_birth",
        "email", "e_mail", "surel", "alamat_email",
        "hp", "no_hp", "nohp", "nomor_hp", "handphone", "no_handphone", "telepon", "telp", "tlp", "no_telp", "no_telepon", "notelp",
        "nomor_telepon", "phone", "phone_number", "mobile", "wa", "no_wa", "nowa", "whatsapp", "no_whatsapp",
        "no_rekening", "no_rek", "norek", "nomor_rekening",
        "alamat_rumah", "alamat_ktp", "alamat_domisili", "alamat_pelapor", "alamat_pemohon", "alamat_pasien",
        "npwp", "no_npwp", "nip", "nip_baru", "nipbaru", "no_bpjs", "nobpjs", "no_kartu_bpjs", "passport", "no_paspor",
    }
)  # fmt: skip
"""Names of keys that hold personal data whatever their values look like."""
_ROLES = frozenset(
    {
        "pelapor", "pemohon", "pasien", "siswa", "pegawai", "penduduk", "warga", "anggota", "penerima", "wp", "ibu", "ayah", "suami", "istri", "wali",
        "kepala", "keluarga", "pemilik", "penanggung", "jawab", "user", "pengguna", "responden", "peserta",
    }
)  # fmt: skip
"""Words that say whose it is: nik_ibu is a nik."""

LeafSteps = tuple[Step, ...]
_PLAIN = frozenset({str, int, float, bool, type(None)})


@dataclass(frozen=True, slots=True)
class Finding:
    """One undeclared path; ``why`` in words, with counts and without values."""

    path: str
    why: str


def find_undeclared(records: Iterable[Any], declared: Iterable[FieldPath]) -> list[Finding]:
    """Leaf paths of the first records that look personal and lie at or below no declared path."""
    covered = {path.steps for path in declared if not path.up and not path.absolute}
    first = list(islice(records, SAMPLE))
    leaves = _columns(first)
    if leaves is None:
        leaves = {}
        for record in first:
            _flatten(record, (), leaves)
    findings: dict[str, Finding] = {}
    for steps, values in leaves.items():
        if any(steps[:length] in covered for length in range(1, len(steps) + 1)):
            continue
        why = _suspicion(steps, values)
        if why is not None:
            path = _shown(steps)
            findings.setdefault(path, Finding(path, why))
    return list(findings.values())


def _columns(records: Sequence[Any]) -> dict[LeafSteps, list[Any]] | None:
    """The leaves of flat records that all have the same keys; None for other records."""
    if not records or not isinstance(records[0], dict):
        return None
    keys = list(records[0])
    if not all(type(record) is dict and record.keys() == records[0].keys() for record in records):
        return None
    found: dict[LeafSteps, list[Any]] = {}
    for key in keys:
        column = list(map(itemgetter(key), records))
        types = set(map(type, column))
        if not isinstance(key, str) or not types <= _PLAIN:
            return None
        if types == {str}:
            found[(key,)] = column
        else:
            found[(key,)] = [text for value in column if type(value) is not float and (text := plain_text(value))]
    return found


def _flatten(value: Any, steps: LeafSteps, leaves: dict[LeafSteps, list[str]]) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            _flatten(item, (*steps, str(key)), leaves)
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value[:50]):
            _flatten(item, (*steps, place), leaves)
    elif not isinstance(value, float):
        values = leaves.setdefault(steps, [])
        text = plain_text(value)
        if text:
            values.append(text)
    else:
        leaves.setdefault(steps, [])


def _suspicion(steps: LeafSteps, values: list[str]) -> str | None:
    if _is_personal_name(next((step for step in reversed(steps) if isinstance(step, str)), "").lstrip("@")):
        return "its name is that of personal data"
    if not may_be_personal(values):
        return None
    values = [text for value in values if (text := value.strip())]
    kinds = [kind for kind in map(personal_kind, values) if kind is not None]
    if len(kinds) >= _LEAST and len(kinds) >= _SHARE * len(values):
        common = max(sorted(set(kinds)), key=kinds.count)
        return f"{len(kinds)} of {len(values)} values look like {common}"
    return None


@lru_cache(maxsize=4096)
def _is_personal_name(name: str) -> bool:
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return any(key in PERSONAL_KEYS or _whatever_whose(key) in PERSONAL_KEYS for key in (_plain(name), _plain(snake)))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _whatever_whose(key: str) -> str:
    return "_".join(word for word in key.split("_") if word not in _ROLES)


def _shown(steps: LeafSteps) -> str:
    """The path as a manifest writes it."""
    text = ""
    for step in steps:
        if isinstance(step, str):
            part = f"'{step}'" if re.search(r"[.\[\]']", step) else step
            text = f"{text}.{part}" if text else part
        else:
            text += f"[{step}]"
    return text
