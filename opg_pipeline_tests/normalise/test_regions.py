"""Names and codes of Bojonegoro to regions, against the shipped reference file."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from opg_pipeline.normalise import RegionResolver, effect, queue, unplaced
from opg_pipeline_tests.normalise.build import EVENT, REGIONS, RESOLVER, category, field, page, reference, run

VILLAGES = [region for region in REGIONS if region.level == "village"]
DISTRICTS = {region.code: region.name for region in REGIONS if region.level == "district"}


def test_every_village_of_the_file_resolves_to_itself_by_code_and_by_names() -> None:
    for region in VILLAGES:
        for code in {region.code, region.code.replace(".", "")}:
            place = RESOLVER.resolve(code, None, None)
            if place.code is None:  # a plain Kemendagri code that is another village's BPS code says nothing
                assert any(other.bps_code == code and other.code != region.code for other in VILLAGES)
            else:
                assert (place.code, place.match, place.score) == (region.code, "code", 100.0)
        place = RESOLVER.resolve(None, f"Kec. {DISTRICTS[region.parent_code]}", f"DESA {region.name.upper()}")
        assert (place.code, place.level, place.match) == (region.code, "village", "exact_name")


def test_village_names_that_repeat_need_their_district() -> None:
    names = Counter(region.name for region in VILLAGES)
    repeated = [name for name, number in names.items() if number > 1]
    assert len(repeated) > 20
    for name in repeated:
        assert RESOLVER.resolve(None, None, name).match == "none"
        found = {
            RESOLVER.resolve(None, DISTRICTS[region.parent_code], name).code
            for region in VILLAGES
            if region.name == name
        }
        assert len(found) == names[name]


@pytest.mark.parametrize(
    ("district", "village", "code", "match"),
    [
        ("Sumberejo", None, "35.22.12", "alias"),
        ("Sumberrejo", None, "35.22.12", "exact_name"),
        ("Kepoh Baru", None, "35.22.09", "exact_name"),
        ("KEPOHBARU", None, "35.22.09", "exact_name"),
        ("Kec.Kepoh-Baru", None, "35.22.09", "exact_name"),
        ("kecamatan  dander", None, "35.22.06", "exact_name"),
        ("Margomulio", None, "35.22.22", "fuzzy"),
        ("Bojonegoro", "Kel. Ledok Kulon", "35.22.15.1009", "exact_name"),
        ("Bojonegoro", "LEDOKKULON", "35.22.15.1009", "exact_name"),
        ("Bojonegoro", "Ledok Kullon", "35.22.15.1009", "fuzzy"),
        ("Bojonegoro", "Ledok", "35.22.15", "exact_name"),
        ("Tambakrejo", "Maling Mati", "35.22.02.2005", "exact_name"),
        ("Bojonegoro", "Desa Tidak Ada", "35.22.15", "exact_name"),
        ("Margomulio", "Desa Tidak Ada", "35.22.22", "fuzzy"),
        ("Kab. Bojonegoro", None, "35.22", "exact_name"),
        ("Cepu", None, None, "none"),
        ("Cepu", "Napis", None, "none"),
        (None, "Napis", "35.22.02.2001", "exact_name"),
        (None, "Napiz", None, "none"),
        (None, None, None, "none"),
        ("", "", None, "none"),
        ("...", None, None, "none"),
    ],
)
def test_spellings(district: str | None, village: str | None, code: str | None, match: str) -> None:
    place = RESOLVER.resolve(None, district, village)
    assert (place.code, place.match) == (code, match)
    assert (place.score is None) == (match == "none")
    if match == "fuzzy":
        assert place.score is not None
        assert 88 <= place.score < 100


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("35.22.15", "35.22.15"), ("352215", "35.22.15"), ("3522160", "35.22.15"), ("35.22", "35.22"), ("3522", "35.22"),
        ("35.22.15.1009", "35.22.15.1009"), ("3522160018", "35.22.15.1009"), (" 35.22.15 ", "35.22.15"), ("35.22.15.9999", "35.22.15"),
        ("35.23.01", None), ("99", None), ("abc", None),
    ],
)  # fmt: skip
def test_codes(code: str, expected: str | None) -> None:
    assert RESOLVER.resolve(code, None, None).code == expected


def test_a_code_that_says_nothing_leaves_the_word_to_the_names() -> None:
    assert RESOLVER.resolve("99", "Dander", None).code == "35.22.06"
    assert RESOLVER.resolve("35.22.15", "Dander", None).code == "35.22.15"


def test_two_near_names_are_none() -> None:
    assert RegionResolver(REGIONS, "35.22", 80).resolve(None, "Ngasen", None).code == "35.22.04"
    assert (
        RegionResolver(REGIONS, "35.22", 60).resolve(None, "Ngasen", None).match == "none"
    )  # Ngambon is near enough too


def test_aliases() -> None:
    resolver = RegionResolver(REGIONS, "35.22", 88, [("Kota", "35.22.15"), ("Kampung Lama", "35.22.02.2001")])
    assert (resolver.resolve(None, "Kota", None).code, resolver.resolve(None, "Kota", None).match) == (
        "35.22.15",
        "alias",
    )
    assert resolver.resolve(None, "Tambakrejo", "Kampung Lama").code == "35.22.02.2001"
    assert resolver.resolve(None, "Dander", "Kampung Lama").level == "district"
    with pytest.raises(ValueError, match=r"99\.99"):
        RegionResolver(REGIONS, "35.22", 88, [("x", "99.99")])


def test_an_accepted_name_counts_where_its_region_lies_and_one_for_two_regions_means_neither_alone() -> None:
    resolver = RegionResolver(REGIONS, "35.22", 88, [("Dukuh Sari", "35.22.02.2001"), ("Dukuh Sari", "35.22.06.2002")])
    assert resolver.resolve(None, "Tambakrejo", "dukuh sari").code == "35.22.02.2001"
    assert resolver.resolve(None, "Dander", "Dukuh-Sari").code == "35.22.06.2002"
    assert resolver.resolve(None, None, "Dukuh Sari").match == "none"
    assert effect(resolver, "Dukuh Sari", "35.22.06.2002")
    assert not effect(resolver, "Dukuh Sari", "35.22.07.2001")


def test_a_code_of_the_source_s_own_can_be_an_alias_and_never_takes_the_place_of_a_real_one() -> None:
    resolver = RegionResolver(REGIONS, "35.22", 88, [("900.7", "35.22.06"), ("35.22.15", "35.22.06")])
    place = resolver.resolve("900.7", None, None)
    assert (place.code, place.match, place.score) == ("35.22.06", "alias", 100.0)
    assert resolver.resolve("35.22.15", None, None).code == "35.22.15"
    assert not effect(resolver, "35.22.15", "35.22.06")


def test_a_name_that_a_region_in_force_shares_with_one_that_ended_means_the_one_in_force() -> None:
    old, new = "35.22.06.2002", "35.22.06.2999"
    [former] = [region for region in REGIONS if region.code == old]
    ended = replace(former, valid_to=date(2020, 12, 31))
    heir = replace(former, code=new, bps_code="", bps_name="", valid_from=date(2021, 1, 1))
    resolver = RegionResolver([*(item for item in REGIONS if item.code != old), ended, heir], "35.22", 88)
    assert resolver.resolve(None, "Dander", former.name).code == new
    assert resolver.resolve(old, None, None).code == old, "a code says which of the two is meant"
    both = [replace(item, valid_to=None) for item in (ended, heir)]
    unclear = RegionResolver([*(item for item in REGIONS if item.code != old), *both], "35.22", 88)
    assert unclear.resolve(None, "Dander", former.name).level == "district"


def test_candidates_are_the_nearest_names_below_what_is_known() -> None:
    [best, *_] = RESOLVER.candidates("Bojonegoro", "Ledok Kuln")
    assert (best.code, best.name, best.district) == ("35.22.15.1009", "Ledok Kulon", "Bojonegoro")
    assert {item.code[:8] for item in RESOLVER.candidates("Dander", "Sumber")} == {"35.22.06"}
    assert RESOLVER.candidates("Soemberredjo", None)[0].code == "35.22.12"
    assert RESOLVER.candidates("Soemberredjo", "Ngampal")[0].code == "35.22.12", "the district is asked for first"
    assert len(RESOLVER.candidates(None, "Sukoreja", limit=5)) == 5
    assert RESOLVER.candidates(None, None) == []


def test_the_queue_asks_for_the_part_that_keeps_a_place_from_being_resolved() -> None:
    ref = reference(THING, {**EVENT, "name": "id"}, region={"district": "kec", "village": "desa"})
    records = [
        *({"id": str(number), "kec": "Soemberredjo", "desa": "Ngampal"} for number in range(3)),
        {"id": "3", "kec": "SOEMBERREDJO", "desa": None},
        {"id": "4", "kec": "Dander", "desa": "Ngunut Baru"},
        {"id": "5", "kec": None, "desa": "Sukorejo"},
        {"id": "6", "kec": "Dander", "desa": "Ngunut"},
        {"id": "7", "kec": "-", "desa": ""},
    ]
    found = unplaced(ref, page(records), RESOLVER)
    entries = {(item.level, item.name, item.district): item.records for item in queue({"demo/things": found}, RESOLVER)}
    assert entries == {
        ("district", "Soemberredjo", ""): 4,
        ("village", "Ngunut Baru", "Dander"): 1,
        ("village", "Sukorejo", ""): 1,
    }
    knows = RegionResolver(REGIONS, "35.22", 88, [("Soemberredjo", "35.22.12")])
    assert set(queue({"demo/things": unplaced(ref, page(records), knows)}, knows)) <= set(
        queue({"demo/things": found}, RESOLVER)
    ), "what an alias answers leaves the queue"
    coded = reference(THING, {**EVENT, "name": "id"}, region={"code": "kode"})
    [entry] = queue({"demo/things": unplaced(coded, page([{"id": "1", "kode": 99}]), RESOLVER)}, RESOLVER)
    assert (entry.level, entry.name, entry.candidates) == ("code", "99", ())


THING = category(field("name"))


def regions_of(region: dict[str, Any], *records: dict[str, Any]) -> list[tuple[Any, ...]]:
    ref = reference(THING, {**EVENT, "name": "id"}, region=region)
    done = run(ref, [{"id": str(number), **record} for number, record in enumerate(records)])
    names = ("region_code", "region_level", "region_match", "quality_flags")
    return list(zip(*(done.accepted[name].to_pylist() for name in names), strict=True))


def test_columns_and_flags() -> None:
    found = regions_of(
        {"district": "kec", "village": ["desa", "kel"]},
        {"kec": "Dander", "desa": "-", "kel": "Dander"},
        {"kec": "Margomulio"},
        {"kec": "Cepu"},
        {"kec": "Dander", "desa": "Atlantis"},
        {},
        {"kec": {"nama": "Dander"}},
    )
    dander = next(region.code for region in VILLAGES if region.name == "Dander" and region.parent_code == "35.22.06")
    assert found == [
        (dander, "village", "exact_name", "[]"),
        ("35.22.22", "district", "fuzzy", '["REGION_FUZZY"]'),
        (None, None, "none", '["REGION_UNRESOLVED"]'),
        ("35.22.06", "district", "exact_name", '["REGION_VILLAGE_UNRESOLVED"]'),
        (None, None, "none", "[]"),
        (None, None, "none", '["REGION_UNRESOLVED"]'),
    ]


def test_places_inside_a_text() -> None:
    found = regions_of(
        {"text": "lokasi", "pattern": "Desa {village}, Kecamatan {district}"},
        {"lokasi": "Desa Leran, Kecamatan Kalitidu"},
        {"lokasi": "Dukuh Krajan RT 3, desa  Leran , kecamatan Kalitidu."},
        {"lokasi": "di pasar"},
    )
    leran = next(
        region.code for region in VILLAGES if region.name == "Leran" and DISTRICTS[region.parent_code] == "Kalitidu"
    )
    assert [row[0] for row in found] == [leran, leran, None]
    assert found[2][3] == '["REGION_UNRESOLVED"]'


def test_a_pattern_may_end_in_a_literal() -> None:
    found = regions_of(
        {"text": "judul", "pattern": "Kecamatan {district}</b>"}, {"judul": "<b>Kecamatan Dander</b>harga"}
    )
    assert found[0][:2] == ("35.22.06", "district")


def test_constant_and_code() -> None:
    assert regions_of({"const": "35.22"}, {})[0][:3] == ("35.22", "regency", "code")
    assert regions_of({"code": "kode"}, {"kode": 3522160}, {"kode": 352215.0})[0][0] == "35.22.15"
    assert regions_of({"code": "kode"}, {"kode": 352215.0})[0][0] == "35.22.15"
