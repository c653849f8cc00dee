"""Personal data: the gate, tokens, redaction, and that planted data is found nowhere in what is accepted."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pyarrow.compute as pc
import pytest

from opg_pipeline.model.handover import Outcome, PullError
from opg_pipeline.normalise.privacy import redact
from opg_pipeline_tests.normalise.build import EVENT, TOKENS, category, field, normaliser, page, reference, run

NIK, KK, PHONE, EMAIL, NAME = (
    "3522154501900001",
    "3522151203100007",
    "081234567890",
    "siti.aminah@contoh.co.id",
    "Siti Aminah Wulandari",
)
NOTE = category(
    field("note", "text", "sensitive_text"),
    field("title", privacy="none"),
    field("tags", "list"),
    field("details", "map"),
    field("reporter", privacy="pseudonym"),
    field("company", privacy="org_or_person"),
    field("street", privacy="direct"),
    field("sex", "enum", "quasi", values=["L", "P"]),
    field("age_band", privacy="quasi"),
)


def stop(ref: Any, records: list[Any]) -> PullError:
    with pytest.raises(PullError) as caught:
        normaliser(ref).normalise([page(records)])
    error = caught.value
    assert error.outcome is Outcome.PERSONAL_DATA
    assert "bojonegoro/demo/things" in error.what
    assert error.hint
    for value in (NIK, KK, PHONE, EMAIL, NAME):
        assert value not in error.what + error.hint
    return error


def test_planted_personal_data_is_nowhere_in_what_is_accepted() -> None:
    records = [
        {
            "nik": NIK, "no_kk": KK, "telp": PHONE, "surel": EMAIL, "nama_pelapor": NAME, "alamat": "Jl. Diponegoro 12 RT 3", "cv": "01.234.567.8-901.000",
            "isi": f"Saya {NAME.upper()} nik {NIK} KK: {KK} hp +62 812-3456-7890 / {PHONE} surat {EMAIL}, ibu Wulandari di Jl. Diponegoro 12 RT 3 "
                   f"dan 3522 1545 0190 0001 serta 35.22.15.450190.0001",
            "judul": f"Laporan {number} siti aminah  wulandari", "tag": ["air", f"dari Wulandari {PHONE}"], "rinci": {"nik": NIK, "oleh": {"nama": NAME, "unit": "RT 3"}, "n": 5},
        }
        for number in range(20)
    ]  # fmt: skip
    for number, record in enumerate(records):
        if number > 2:
            record["tag"] = ["air"]
    ref = reference(
        NOTE,
        {
            **EVENT, "note": "isi", "title": "judul", "tags": "tag", "details": "rinci", "reporter": {"from": "nik", "parse": "nik"},
            "company": {"from": "cv", "parse": "npwp"}, "street": "alamat", "sex": {"from": "nik", "parse": "nik_sex"}, "age_band": {"from": "nik", "parse": "nik_age_band"},
        },
        key=["nik", "no_kk"],
        personal=["no_kk", "telp", "surel", "nama_pelapor", "rinci.nik", "rinci.oleh.nama"],
    )  # fmt: skip
    done = run(ref, records)
    assert done.accepted.num_rows == 20
    everything = orjson.dumps(done.accepted.to_pylist(), default=str).decode().casefold()
    for planted in (
        NIK,
        KK,
        PHONE,
        PHONE[1:],
        EMAIL,
        "siti",
        "aminah",
        "wulandari",
        "diponegoro",
        "012345678901000",
        "1234567890",
        "450190",
    ):
        assert planted.casefold() not in everything, planted
    first = done.accepted.to_pylist()[0]
    assert first["source_record_id"] == f"{TOKENS.token('nik', NIK)}|{TOKENS.token('identifier:demo', KK)}"
    assert first["reporter"] == TOKENS.token("nik", NIK)
    assert first["company"] == TOKENS.token("npwp", "0012345678901000")
    assert (first["sex"], first["age_band"]) == ("P", "35-44")
    assert first["note"] == (
        "Saya [REDACTED] nik [NIK] KK: [KK] hp [PHONE] / [PHONE] surat [EMAIL], ibu [REDACTED] di [REDACTED] dan [NIK] serta [NIK]"
    )
    assert first["title"] == "Laporan 0 [REDACTED]"
    assert orjson.loads(first["tags"]) == ["air", "dari [REDACTED] [PHONE]"]
    assert orjson.loads(first["details"]) == {"n": 5, "oleh": {"unit": "RT 3"}}
    assert first["quality_flags"] == '["PERSONAL_DATA_REDACTED"]'
    assert "street" not in done.accepted.schema.names


def test_a_day_of_birth_is_nowhere_in_what_is_accepted() -> None:
    born = "12/05/1990"
    records = [
        {"id": str(row), "tgl_lahir": born, "isi": f"lahir {born} di sini", "judul": f"anak {born}"}
        for row in range(20)
    ]
    mapped = {**EVENT, "note": "isi", "title": "judul", "age_band": {"from": "tgl_lahir", "parse": "birth_age_band"}}
    for key, kind in ((["id"], None), ([["id", "tgl_lahir"]], "identifier:demo"), (["id", "tgl_lahir"], None)):
        done = run(reference(NOTE, mapped, key=key), records)
        first = done.accepted.to_pylist()[0]
        assert (first["age_band"], first["note"], first["title"]) == (
            "35-44",
            "lahir [REDACTED] di sini",
            "anak [REDACTED]",
        )
        assert born not in orjson.dumps(done.accepted.to_pylist(), default=str).decode()
        assert "1990" not in orjson.dumps(done.accepted.to_pylist(), default=str).decode()
        if kind is not None:
            assert first["source_record_id"] == TOKENS.token(kind, "0")
    declared = reference(NOTE, mapped, personal=["tgl_lahir"])
    assert run(declared, records).accepted["age_band"].to_pylist() == ["35-44"] * 20


def test_a_day_of_birth_with_an_event_that_is_not_there() -> None:
    thing = category(field("at", "date"), field("age_band", privacy="quasi"), event_time="at")
    ref = reference(thing, {"at": "t", "age_band": {"from": "tgl_lahir", "parse": "birth_age_band"}})
    done = run(
        ref, [{"id": 1, "t": "x", "tgl_lahir": "01/01/1990"}, {"id": 2, "t": "01/01/2024", "tgl_lahir": "01/01/1990"}]
    )
    assert done.accepted["age_band"].to_pylist() == ["25-34"]
    assert done.rejected["field"].to_pylist() == ["at"]


def test_names_are_struck_whatever_their_blanks_are() -> None:
    texts = ["oleh SITI  AMINAH", "siti\taminah hadir", "aminah", "Sitiaminah", "Éva  Ün", "ÉVA\nÜN", "siti"]
    records = [
        {
            "id": str(row),
            "judul": text,
            "nama": "Éva Ün" if row in (4, 5) else "Siti Aminah",
        }
        for row, text in enumerate(texts)
    ]
    done = run(reference(NOTE, {**EVENT, "title": "judul"}, personal=["nama"]), records)
    struck = "[REDACTED]"
    assert done.accepted["title"].to_pylist() == [
        f"oleh {struck}",
        f"{struck} hadir",
        struck,
        "Sitiaminah",
        struck,
        struck,
        struck,
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NIK 3522154501900001.", "NIK [NIK]."),
        ("no KK 3522151203100007", "no KK [KK]"),
        ("Kartu Keluarga no. 3522151203100007", "Kartu Keluarga no. [KK]"),
        ("rek 9999999999999999", "rek [DIGITS16]"),
        ("2024 12 01 3522154501900001 0812-3456-7890", "2024 12 01 [NIK] [PHONE]"),
        ("hub 0812 3456 7890 ya", "hub [PHONE] ya"),
        ("wa:6281234567890", "wa:[PHONE]"),
        ("WA081234567890", "WA[PHONE]"),
        ("a.b@c.co.id,", "[EMAIL],"),
        ("NOP 352215000100200010 lunas", "NOP [NUMBER] lunas"),
        (
            "transfer dari rekening 889551080731547, Rp 1.250.000.000",
            "transfer dari rekening [NUMBER], Rp 1.250.000.000",
        ),
        ("Alamat Jl. Merpati No. 82 RT 007 RW 001.", "Alamat [ADDRESS]."),
        ("lubang di Jalan Panglima Sudirman", "lubang di Jalan Panglima Sudirman"),
        ("tanggal 08-12-2024 pukul 08.15", "tanggal 08-12-2024 pukul 08.15"),
        ("Rp 1.250.000 dan 62.500", "Rp 1.250.000 dan 62.500"),
        ("1700000000000", "[NUMBER]"),
        ("tinggi 0,8123456789 m", "tinggi 0,8123456789 m"),
    ],
)
def test_redaction_of_prose(text: str, expected: str) -> None:
    assert redact(text, free=True) == expected


GATED = category(field("title"), field("reporter", privacy="pseudonym"), field("note", "text", "sensitive_text"))


def gated(**keys: Any) -> Any:
    fields = {**EVENT, "title": "judul", **keys.pop("fields", {})}
    return reference(GATED, fields, **keys)


@pytest.mark.parametrize(
    "name",
    [
        "nik",
        "NIK",
        "no_kk",
        "noKk",
        "Nama Lengkap",
        "nama_ibu",
        "email",
        "no_hp",
        "HP",
        "telepon",
        "no_rekening",
        "alamat_rumah",
        "nik_ibu",
        "email_pelapor",
    ],
)
def test_the_gate_knows_names_of_personal_keys(name: str) -> None:
    error = stop(gated(), [{"id": 1, "judul": "x", name: None}])
    assert name in error.what
    assert "`personal`" in error.hint
    assert "parse" in error.hint


@pytest.mark.parametrize("value", [NIK, "3522-1545-0190-0001", int(NIK), PHONE, "+62 812 3456 7890", EMAIL])
def test_the_gate_knows_values(value: Any) -> None:
    error = stop(
        gated(),
        [{"id": number, "judul": "x", "data": {"kontak": value if number % 2 else None}} for number in range(6)],
    )
    assert "data.kontak (3 of 3 values look like" in error.what


@pytest.mark.parametrize(
    "values",
    [
        ["352215000100200010"] * 5, [1700000000000] * 5, [3522150001002000] * 5, ["9999999999999999"] * 5, [812345678] * 5, ["REG-081234567890"] * 5,
        ["2024-01-01 08:12:00"] * 5, [8123456789012] * 5, [PHONE, PHONE, "a", "b", "c"], [PHONE, PHONE], ["hubungi " + PHONE] * 5, [111.881234567890123] * 5,
        ["35.22.15.1009"] * 5, ["0.8123456789"] * 5, ["SK-PBG-352215-08122025-001"] * 5, ["503/0801-2024-1122/PBG"] * 5,
    ],
)  # fmt: skip
def test_the_gate_lets_codes_pass(values: list[Any]) -> None:
    assert run(
        gated(), [{"id": number, "judul": "x", "kode": value} for number, value in enumerate(values)]
    ).accepted.num_rows == len(values)


def test_what_is_declared_passes_the_gate() -> None:
    records = [
        {"id": number, "judul": "x", "pelapor": {"hp": PHONE, "nik": NIK}, "email": EMAIL} for number in range(5)
    ]
    assert "pelapor.hp" in stop(gated(personal=["email"]), records).what
    assert run(gated(personal=["email", "pelapor"]), records).accepted.num_rows == 5
    token = {"reporter": {"from": "pelapor.hp", "parse": "phone"}}
    assert run(gated(fields=token, personal=["email", "pelapor.nik"]), records).accepted["reporter"][
        0
    ].as_py() == TOKENS.token("phone", "+6281234567890")
    assert (
        run(gated(fields={**token, "note": "email"}, personal=["pelapor.nik"]), records).accepted["note"][0].as_py()
        == "[EMAIL]"
    )


def test_the_gate_looks_once_and_into_lists() -> None:
    assert "anggota[0].nik" in stop(gated(), [{"id": 1, "judul": "x", "anggota": [{"nik": NIK}]}]).what
    assert run(gated(personal=["anggota"]), [{"id": 1, "judul": "x", "anggota": [{"nik": NIK}]}]).accepted.num_rows == 1


def test_a_field_full_of_personal_data_stops_the_dataset_and_a_slip_is_written_over() -> None:
    def titles(bad: int) -> list[dict[str, Any]]:
        return [{"id": number, "judul": f"lapor {PHONE} segera" if number < bad else "lapor"} for number in range(20)]

    error = stop(gated(), titles(4))
    assert "'title'" in error.what
    assert "judul" in error.what
    assert "privacy none" in error.what
    assert "4 of 20" in error.what
    done = run(gated(), titles(3))
    assert done.accepted["title"].to_pylist()[:4] == ["lapor [PHONE] segera"] * 3 + ["lapor"]
    assert done.flags["PERSONAL_DATA_REDACTED"] == 3


def test_a_key_that_looks_personal_is_one_token_in_key_and_column() -> None:
    """Written over, two records would be one; left, an identity would stand in the warehouse."""
    other = "3522036501850003"
    records = [{"kode": f"R-{number}", "judul": "x"} for number in range(20)]
    records[3]["kode"], records[7]["kode"] = NIK, other
    done = run(gated(fields={"title": "kode"}, key=["kode"]), records).accepted
    ids = done["source_record_id"].to_pylist()
    assert ids == done["title"].to_pylist()
    assert [ids[3], ids[7]] == [TOKENS.token("identifier:demo", value) for value in (NIK, other)]
    assert [one for one in ids if one.startswith("R-")] == [
        f"R-{number}" for number in range(20) if number not in (3, 7)
    ]
    assert done.filter(pc.match_substring(done["quality_flags"], "PERSONAL_DATA_REDACTED"))[
        "source_record_id"
    ].to_pylist() == [ids[3], ids[7]]
    parts = run(gated(key=["kode", "judul"]), records).accepted["source_record_id"].to_pylist()
    assert (parts[3], parts[4]) == (f"{ids[3]}|x", "R-4|x")


def test_personal_paths_may_not_be_stored() -> None:
    with pytest.raises(PullError, match="'title'"):
        normaliser(gated(personal=["judul"]))
    with pytest.raises(PullError, match="'title'"):
        normaliser(reference(GATED, {**EVENT, "title": {"from": "nama", "parse": "name"}}))


def test_a_bad_identity_waits_and_a_key_made_of_it_costs_the_record() -> None:
    fields = {"reporter": {"from": "nik", "parse": "nik"}}
    done = run(gated(fields=fields), [{"id": 1, "judul": "x", "nik": "12"}, {"id": 2, "judul": "x", "nik": NIK}])
    assert done.accepted["reporter"].to_pylist() == [None, TOKENS.token("nik", NIK)]
    assert done.rejected["reason"].to_pylist() == ["bad_nik"]
    keyed = run(
        gated(fields=fields, key=["nik"]),
        [{"judul": "x", "nik": "12"}, {"judul": "x", "nik": NIK}, {"judul": "x", "nik": " "}],
    )
    assert keyed.accepted["source_record_id"].to_pylist() == [TOKENS.token("nik", NIK)]
    assert keyed.rejected["reason"].to_pylist() == ["bad_nik", "key_missing"]
    assert not re.search(r"\d{16}", str(keyed.rejected.drop_columns(["payload", "raw_sha256"]).to_pylist()))


def test_a_pseudonym_without_parse_is_an_identifier_of_its_app() -> None:
    done = run(gated(fields={"reporter": "id"}), [{"id": "A-1", "judul": "x"}])
    assert (
        done.accepted["reporter"][0].as_py()
        == done.accepted["source_record_id"][0].as_py()
        == TOKENS.token("identifier:demo", "A-1")
    )
