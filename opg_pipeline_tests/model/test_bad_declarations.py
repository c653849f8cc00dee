"""A table of bad declarations with the message each must give: line, key, what, fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from opg_pipeline.model.catalog import check_catalog, load_catalog
from opg_pipeline.model.problems import DeclarationError
from opg_pipeline.model.yaml_source import parse_yaml
from opg_pipeline_tests.model.conftest import CITY, GOOD_APP, Folder


def test_the_good_one_is_good(folder: Folder) -> None:
    catalog, problems = check_catalog(only=folder.root)
    assert problems == []
    assert catalog is not None
    assert [ref.name for ref in catalog.datasets("town")] == ["town/kios/requests"]


CASES = [
    # (replace, with, line, key, part of what, part of fix)
    ("agency: office", "agency: ofice", 3, "agency", "City 'town' has no agency 'ofice'", "did you mean 'office'?"),
    ("agency: office\n", "", 1, "agency", "The key 'agency' is missing", "add `agency: ...` here."),
    ("cadence: daily", "cadence: dayly", 5, "cadence", "'dayly' is not one of", "did you mean 'daily'?"),
    ("cadence: daily", "cadence: semestrly", 5, "cadence", "is not one of", "did you mean 'semesterly'?"),
    ("cadence: daily", "cadence: '0 3 * * *'", 5, "cadence", "is not one of", "use one of them."),
    ('urusan: "2.16"', 'urusan: "2.99"', 4, "urusan", "'2.99' is no government function", "did you mean"),
    ('urusan: "2.16"', "urusan: 2.16", 4, "urusan", "is not a text", "put it in quotes."),
    ("interface: assumed", "interface: guessed", 6, "evidence.interface", "is not one of", "use one of them."),
    ("sandbox://kios", "kios.go.id", 7, "source.base_url", "does not have the required form", "(https?|sandbox)"),
    ('base_url: "sandbox://kios"', 'base_url: "sandbox://kios", retry: 3', 7, "source.retry", "There is no key 'retry' here", "did you mean 'retries'?"),
    ('base_url: "sandbox://kios"', 'base_url: "sandbox://kios", auth: {type: apikey}', 7, "source.auth", "type 'apikey' is not one of", "did you mean 'api_key'?"),
    ('base_url: "sandbox://kios"', 'base_url: "sandbox://kios", auth: {type: bearer}', 7, "source.auth.secret", "The key 'secret' is missing", "add `secret"),
    ('base_url: "sandbox://kios"', 'base_url: "sandbox://kios", auth: {type: bearer, secret: s3cr3t}', 7, "source.auth.secret", "does not have the required form", "^[A-Z]"),
    ('base_url: "sandbox://kios"', 'base_url: "sandbox://kios", headers: {Authorization: x}', 7, "source", "Header 'Authorization' carries a secret", "declare it under `auth`"),
    ("  nature: event", "  nature: events", 12, "datasets.0.nature", "is not one of", "did you mean 'event'?"),
    ("category: service_request", "category: service_reqest", 13, "datasets.0.category", "There is no category 'service_reqest'", "did you mean 'service_request'?"),
    ("  records: data", "  records: data[", 11, "datasets.0.records", "Cannot read '['", "see the message"),
    ("  records: data", "  records: ^.data", 11, "datasets.0.records", "`records` starts at the whole answer", "neither ^ nor /"),
    ("  key: [id]", "  key: []", 14, "datasets.0.key", "at least 1 item", "correct the value."),
    ("    description: text\n", "", 15, "datasets.0.fields", "The required field 'description' is not mapped", "add `description"),
    ("service_code: kind", "servis_code: kind", 17, "datasets.0.fields.servis_code", "has no field 'servis_code'", "did you mean 'service_code'?"),
    ("Baru: open", "Baru: opened", 18, "datasets.0.fields.status", "'opened' is no value of 'status'", "did you mean 'open'?"),
    ("requested_datetime: at", "requested_datetime: {from: at, parse: rupiah}", 19, "datasets.0.fields.requested_datetime.parse", "does not make a timestamp", "use one of"),
    ("requested_datetime: at", "requested_datetime: {from: at, format: DD/MM/YYYY}", 19, "datasets.0.fields.requested_datetime.format", "letter 'D' that means nothing", "use yyyy"),
    ("requested_datetime: at", "requested_datetime: {from: at, format: dd/mm}", 19, "datasets.0.fields.requested_datetime.format", "has no year", "use yyyy"),
    ("requested_datetime: at", "requested_datetime: {from: at, timezone: WIB}", 19, "datasets.0.fields.requested_datetime.timezone", "'WIB' is no IANA time zone", "Asia/Jakarta"),
    ("requested_datetime: at", "requested_datetime: {from: at, const: x}", 19, "datasets.0.fields.requested_datetime", "exactly one of `from`, `first_of` or `const`", "see"),
    ("    service_code: kind", "    service_code: {from: kind, parse: nik}", 17, "datasets.0.fields.service_code.parse", "reads personal data", "privacy pseudonym"),
    ("    service_code: kind", "    service_code: {from: kind, round: true}", 17, "datasets.0.fields.service_code.round", "`round` is for decimal fields, but 'service_code' is string", "take `round` away"),
    ("    description: text", "    description: text\n    lat: {from: y, round: true, parse: integer}", 21, "datasets.0.fields.lat.round", "`round` is for numbers that the source sends with decimals", "take `round` away"),
    ("    description: text", "    description: text\n    lat: {const: 1.5, round: true}", 21, "datasets.0.fields.lat.round", "not for `parse: integer`, `map` or `const`", "take `round` away"),
    ("  path: /requests", "  path: /requests?page=1", 10, "datasets.0.path", "does not have the required form", ""),
    ("  records: data", "  records: data\n  paginate: {type: page}", 12, "datasets.0.paginate", "exactly one of `total`, `pages`, `more` or `stop`", "see"),
    ("  records: data", "  records: data\n  paginate: {type: offset, limit: 10, pages: meta.p}", 12, "datasets.0.paginate", "offset paging counts records: use `total`, `more` or `stop`", "see"),
    ("  records: data", "  records: data\n  body: <x/>", 9, "datasets.0", "`form`, `json` and `body` belong to `method: POST`", "see"),
    ("  records: data", "  records: data\n  region: {code: kode}", 12, "datasets.0.region", "declares no regions", "add `regions` to city.yaml"),
    ("  records: data", "  records: data\n  format: {type: csv}", 9, "datasets.0", "a table is its records", "see"),
    ("base_url: \"sandbox://kios\"", "base_url: \"sandbox://kios\", auth: {type: login}", 7, "source.auth", "a login needs `path`", "see"),
    ("base_url: \"sandbox://kios\"", "base_url: \"sandbox://kios\", auth: {type: login, path: /in}", 7, "source.auth", "sends exactly one of `form`, `json` or `body`", "see"),
    ("base_url: \"sandbox://kios\"", "base_url: \"sandbox://kios\", auth: {type: login, path: /in, form: {a: b}, carry: [_token]}", 7, "source.auth", "`carry` takes its values from `page`", "see"),
    ("base_url: \"sandbox://kios\"", "base_url: \"sandbox://kios\", auth: {type: login, path: /in, form: {a: b}, show: {in: header}}", 7, "source.auth", "`name` belongs to", "see"),
    ("base_url: \"sandbox://kios\"", "base_url: \"sandbox://kios\", auth: {type: hmac, secret: KEY, message: x, headers: {}}", 7, "source.auth", "at least 1 item", "correct the value."),
    ("base_url: \"sandbox://kios\"", "base_url: \"sandbox://kios\", auth: {type: api_key, in: path, name: kunci, secret: KEY}", 10, "datasets.0.path", "goes into the path, which has no place", "write {kunci}"),
    ("base_url: \"sandbox://kios\"", "base_url: \"sandbox://kios\", auth: {type: api_key, in: body, name: kunci, secret: KEY}", 9, "datasets.0.method", "'kunci' of `auth` goes into the body, which a GET does not have", "declare `method: POST`"),
    ("base_url: \"sandbox://kios\"", "base_url: \"sandbox://kios\", auth: {type: login, path: /in, form: {a: b}, token: t, show: {in: body, name: sesi}}", 9, "datasets.0.method", "'sesi' of `auth` goes into the body, which a GET does not have", "another `in`"),
    ("source: {base_url: \"sandbox://kios\"}\ndatasets:\n- id: requests\n  path: /requests\n", "source: {base_url: \"sandbox://kios\", auth: {type: api_key, in: body, name: kunci, secret: KEY}}\ndatasets:\n- id: requests\n  path: /requests\n  method: POST\n  content_type: text/xml\n  body: <cari/>\n", 13, "datasets.0.body", "'kunci' of `auth` goes into the body, which has no place for it", "write {kunci}"),
    ("base_url: \"sandbox://kios\"", "base_url: \"sandbox://kios\", timeout: 30", 7, "source.timeout", "is not a text", "put it in quotes"),
    ("base_url: \"sandbox://kios\"", "base_url: \"sandbox://kios\", timeout: 1w", 7, "source.timeout", "a number and s, m, h or d", "see the message"),
    ("base_url: \"sandbox://kios\"", "base_url: \"sandbox://kios\", success: {path: ok}", 7, "source.success", "exactly one of `equals` or `absent: true`", "see"),
    ("base_url: \"sandbox://kios\"", "base_url: \"sandbox://kios\", budget: {hours: '25:00-03:00'}", 7, "source.budget.hours", "does not have the required form", ""),
    ("  path: /requests", "  path: /requests/{desa}", 10, "datasets.0.path", "Nothing fills the placeholder {desa}", "for_each"),
    ("  path: /requests", "  path: /requests\n  query: {f: 'x ge {since}'}", 11, "datasets.0.query.f", "Nothing fills the placeholder {since}", "for_each"),
    ("service_code: kind", "service_code: $tahun", 17, "datasets.0.fields.service_code", "There is no request parameter 'tahun'", "known: pulled_at"),
    ("  records: data", "  records: data\n  for_each: {params: {desa: {}}}", 12, "datasets.0.for_each", "exactly one of `values`, `years`, `regions` or `path`", "see"),
    ("  records: data", "  records: data\n  for_each: {params: {desa: {regions: village}}}", 12, "datasets.0.for_each", "declares no regions", "add `regions`"),
    ("  records: data", "  records: data\n  paginate: {type: cursor, param: c}", 12, "datasets.0.paginate", "exactly one of `next` or `last`", "see"),
    ("  records: data", "  records: data\n  paginate: {type: relay, param: c}", 12, "datasets.0.paginate", "paging `relay` needs `connection`", "see"),
    ("  records: data", "  records: data\n  paginate: {type: graphql}", 12, "datasets.0.paginate", "type 'graphql' is not one of", "use"),
    ("  records: data", "  records: data\n  incremental: {field: at, param: since, window: 30d}", 12, "datasets.0.incremental", "`window` needs `until_param` and `start`", "see"),
    ("  records: data", "  records: data\n  incremental: {field: id, kind: number, param: since, lookback: 3d}", 12, "datasets.0.incremental", "has no window, lookback or format", "see"),
    ("  records: data", "  records: data\n  unpack: {type: gzip, member: a}", 12, "datasets.0.unpack", "are for `type: zip`", "see"),
    ("  records: data", "  records: data\n  unpivot: {name: bulan}", 12, "datasets.0.unpivot", "exactly one of `columns` or `matching`", "see"),
    ("  records: data", "  records: data\n  method: POST\n  body: <a/>\n  content_type: text/xml\n  paginate: {type: page, total: t}", 9, "datasets.0", "has no place for page", "see"),
    ("    service_code: kind", "    service_code: {from: kind, pick: '(\\d+'}", 17, "datasets.0.fields.service_code", "`pick` is no regular expression", "see"),
    ("    service_code: kind", "    service_code: {from: kind, pick: '\\d+'}", 17, "datasets.0.fields.service_code", "`pick` needs one group", "see"),
    ("    service_code: kind", "    service_code: {from: kind, fold: true}", 17, "datasets.0.fields.service_code", "`fold` and `otherwise` belong to `map`", "see"),
    ("    description: text", "    description: text\n    lat: {from: y, scale: {by: 2, from: z}}", 21, "datasets.0.fields.lat.scale", "either `by`, or `from` with `map`", "see"),
    ("requested_datetime: at", "requested_datetime: {from: at, format: dd/mm/yyyy, edge: last}", 19, "datasets.0.fields.requested_datetime.edge", "`edge` is for dates whose `format` has no day", "mmm yyyy"),
    ("requested_datetime: at", "requested_datetime: {from: at, edge: last}", 19, "datasets.0.fields.requested_datetime.edge", "`edge` is for dates whose `format` has no day", "take `edge` away"),
    ("service_code: kind", "service_code: {from: kind, parse: excel_serial}", 17, "datasets.0.fields.service_code.parse", "`parse: excel_serial` does not make a string", "use one of"),
    ("    description: text", "    description: text\n    lat: {from: y, parse: point}", 21, "datasets.0.fields.lat.parse", "`parse: point` does not make a decimal", "use one of"),
    ("map: {Baru: open, Selesai: closed}", "map: {Baru: open}, otherwise: closd", 18, "datasets.0.fields.status", "'closd' is no value of 'status'", "did you mean 'closed'?"),
    ("map: {Baru: open, Selesai: closed}", "map: {Baru: open}, default: opened", 18, "datasets.0.fields.status", "'opened' is no value of 'status'", "did you mean 'open'?"),
    ("map: {Baru: open, Selesai: closed}", "map: {Baru: open, BARU: closed}, fold: true", 18, "datasets.0.fields.status.map", "'Baru' and 'BARU' are one when folded", "keep one of them"),
    ("    description: text", "    description: text\n    agency_id: {from: a, map: {x: office}, otherwise: ofice}", 21, "datasets.0.fields.agency_id", "There is no agency 'ofice'", "did you mean 'office'?"),
    ("  records: data", "  region: {text: t, pattern: ['Desa {village}', 'Jalan X']}", 11, "datasets.0.region.pattern", "'Jalan X' names no {village}", "write such as"),
    ("  category: service_request\n  key: [id]\n  fields:\n", "  category: registry_entity\n  key: [id]\n  fields:\n    geometry: {from: [a, b, c], parse: point}\n", 16, "datasets.0.fields.geometry.from", "`parse: point` does not read 3 paths", "longitude and latitude"),
    ("  category: service_request\n  key: [id]\n  fields:\n", "  category: registry_entity\n  key: [id]\n  fields:\n    geometry: {from: [a, b], parse: esri}\n", 16, "datasets.0.fields.geometry.from", "`parse: esri` does not read 2 paths", "esri takes one"),
    ("  category: service_request\n  key: [id]\n  fields:\n", "  category: registry_entity\n  key: [id]\n  fields:\n    geometry: {from: a, pick: (x), parse: point}\n", 16, "datasets.0.fields.geometry.pick", "`pick` does not go with `parse: point`", "take it away"),
    ("  category: service_request\n  key: [id]\n  fields:\n", "  category: care_encounter\n  key: [id]\n  fields:\n    age_band: {from: nik, parse: nik_age_band, default: 0-4}\n", 16, "datasets.0.fields.age_band.default", "`default` does not go with `parse: nik_age_band`", "take it away"),
    ("  key: [id]", "  key: [[id, 'a['], kind]", 14, "datasets.0.key.0", "Cannot read '['", "see the message"),
    ("  key: [id]", "  key: [[]]", 14, "datasets.0.key.0", "at least 1 item", "correct the value."),
    ("  key: [id]", "  key: [[id, $tahun]]", 14, "datasets.0.key", "There is no request parameter 'tahun'", "known: pulled_at"),
    ("requested_datetime: at", "requested_datetime: {from: at, format: [dd/mm/yyyy, DD/MM/YYYY]}", 19, "datasets.0.fields.requested_datetime.format", "letter 'D' that means nothing", "quote letters"),
    ("requested_datetime: at", "requested_datetime: {from: at, format: []}", 19, "datasets.0.fields.requested_datetime.format", "at least 1 item", "correct the value."),
    ("requested_datetime: at", "requested_datetime: {from: at, format: yyyy-Www}", 19, "datasets.0.fields.requested_datetime.format", "letter 'W' that means nothing", "'W'"),
    ("requested_datetime: at", "requested_datetime: {from: at, format: yyyy q mm}", 19, "datasets.0.fields.requested_datetime.format", "has a quarter and a month, of which one says all", "use yyyy"),
    ("requested_datetime: at", "requested_datetime: {from: at, format: [dd/mm/yyyy, iso], edge: last}", 19, "datasets.0.fields.requested_datetime.edge", "`edge` is for dates whose `format` has no day", "take `edge` away"),
    ("    description: text", "    description: text\n    event_at: {from: a, format: DD}", 21, "datasets.0.fields.event_at.format", "letter 'D' that means nothing", "use yyyy"),
    ("    service_code: kind", "    service_code: {from: kind, parse: period, format: [iso]}", 17, "datasets.0.fields.service_code.format", "`iso` is no pattern of a period", "take it away"),
    ("    description: text", "    description: text\n    lat: {from: y, parse: number, map: {x: 1}, otherwise: 2}", 21, "datasets.0.fields.lat", "`otherwise` does not go with `parse: number`", "take `otherwise` or `parse` away"),
    ("    description: text", "    description: text\n    lat: {from: y, map: {x: 1}, round: true}", 21, "datasets.0.fields.lat.round", "not for `parse: integer`, `map` or `const`", "take `round` away"),
    ("map: {Baru: open, Selesai: closed}", "parse: integer, map: {'1': open}", 18, "datasets.0.fields.status.parse", "`map` with `parse: integer` makes numbers, but 'status' is enum", "take `parse` away"),
    ("  category: service_request\n  key: [id]\n  fields:\n", "  category: registry_entity\n  key: [id]\n  fields:\n    services: {from: a, parse: list, format: [x, y]}\n", 16, "datasets.0.fields.services", "a `list` has one separator", "write `format` as a text"),
    ("  category: service_request\n  key: [id]\n  fields:\n", "  category: care_encounter\n  key: [id]\n  fields:\n    age_band: {from: lahir, parse: birth_age_band, default: 0-4}\n", 16, "datasets.0.fields.age_band.default", "`default` does not go with `parse: birth_age_band`", "take it away"),
    ("  category: service_request\n  key: [id]\n  fields:\n", "  category: care_encounter\n  key: [id]\n  fields:\n    age_band: {from: nik, parse: nik_age_band, map: {a: 0-4}}\n", 16, "datasets.0.fields.age_band.map", "`map` does not go with `parse: nik_age_band`", "take it away"),
    ("  category: service_request\n  key: [id]\n  fields:\n", "  category: care_encounter\n  key: [id]\n  fields:\n    wait_minutes: {from: w, parse: duration}\n", 16, "datasets.0.fields.wait_minutes", "`parse: duration` needs a `format`", "add `format`, such as H:MM"),
    ("  category: service_request\n  key: [id]\n  fields:\n", "  category: care_encounter\n  key: [id]\n  fields:\n    wait_minutes: {from: w, parse: duration, format: jam}\n", 16, "datasets.0.fields.wait_minutes.format", "the duration 'jam' has the letter 'j' that means nothing", "use H:MM, MM:SS, words or iso"),
    ("  category: service_request\n  key: [id]\n  fields:\n", "  category: care_encounter\n  key: [id]\n  fields:\n    wait_minutes: {from: w, parse: duration, format: 'H:SS'}\n", 16, "datasets.0.fields.wait_minutes.format", "does not go from a greater unit to the next", "use H:MM, MM:SS, words or iso"),
    ("  category: service_request\n  key: [id]\n  fields:\n", "  category: care_encounter\n  key: [id]\n  fields:\n    age_band: {from: w, range: low}\n", 16, "datasets.0.fields.age_band.range", "`range` is for numbers", "take `range` away"),
    ("  category: service_request\n  key: [id]\n  fields:\n", "  category: care_encounter\n  key: [id]\n  fields:\n    age_band: {from: lahir, parse: birth_age_band, format: [dd/mm/yyyy, yyyy]}\n", 16, "datasets.0.fields.age_band.format", "A date of birth needs its day, which the pattern 'yyyy' has not", "parse: age_band"),
    ("  records: data", "  records: data\n  incremental: {field: at, param: since, format: \"yyyy-'W'ww\"}", 12, "datasets.0.incremental.format", "A position cannot be written as a week", "give a `param_format`"),
    ("  records: data", "  records: data\n  incremental: {field: at, param: since, format: \"yyyy-'W'ww\", param_format: yyyy q}", 12, "datasets.0.incremental.param_format", "A position cannot be written as a quarter", "give a `param_format`"),
    ("  records: data", "  records: data\n  incremental: {field: at, param: since, format: DD}", 12, "datasets.0.incremental.format", "letter 'D' that means nothing", "use yyyy"),
    ("  records: data", "  format: {type: fixed_width, columns: {id: [3, 1]}}", 11, "datasets.0.format", "Column 'id' goes from 3 to 1", "count signs from 1"),
    ("  records: data", "  records: data\n  format: bps_cube", 9, "datasets.0", "a table is its records", "see"),
    ("  records: data", "  records: data\n  unpivot: {matching: '(20'}", 12, "datasets.0.unpivot", "`matching` is no regular expression", "see"),
    ("  records: data", "  records: data\n  unpivot: {columns: [a], name: x, value: x}", 12, "datasets.0.unpivot", "`name` and `value` are both 'x'", "see"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "key", "what", "fix"), CASES)
def test_message(folder: Folder, old: str, new: str, line: int, key: str, what: str, fix: str) -> None:
    path = folder.changed(old, new)
    catalog, problems = check_catalog(only=folder.root)
    assert catalog is None
    found = [(p.line, p.key, p.what, p.fix) for p in problems]
    assert any(
        p.file == path and p.line == line and p.key.startswith(key) and what.lower() in p.what.lower() and fix in p.fix
        for p in problems
    ), found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  key: [id]", "  key: [[id, nomor], kind]"),
        ("requested_datetime: at", "requested_datetime: {from: at, format: [dd/mm/yyyy, yyyy], edge: last}"),
        ("requested_datetime: at", "requested_datetime: {from: at, parse: date, format: \"yyyy-'S'sem\", edge: last}"),
        (
            "    description: text",
            "    description: text\n    lat: {from: y, parse: number, map: {nihil: 0, tdk: null}, round: true}",
        ),
        (
            "  records: data",
            "  records: data\n  incremental: {field: at, param: since, format: \"yyyy-'W'ww\", param_format: yyyy-mm-dd}",
        ),
    ],
)
def test_what_is_good_too(folder: Folder, old: str, new: str) -> None:
    folder.changed(old, new)
    _, problems = check_catalog(only=folder.root)
    assert problems == []


def test_every_problem_is_told_at_once(folder: Folder) -> None:
    folder.app(GOOD_APP.replace("cadence: daily", "cadence: dayly").replace("nature: event", "nature: never"))
    with pytest.raises(DeclarationError) as caught:
        load_catalog(only=folder.root)
    assert len(caught.value.problems) == 2


def test_broken_yaml_names_the_line(folder: Folder) -> None:
    folder.app("id: kios\nname: [unclosed\nagency: office\n")
    _, problems = check_catalog(only=folder.root)
    assert len(problems) == 1
    assert problems[0].line >= 2
    assert "not valid YAML" in problems[0].what


def test_a_key_given_twice_is_refused(folder: Folder) -> None:
    folder.changed("name: Kios", "name: Kios\nname: Kiosk")
    _, problems = check_catalog(only=folder.root)
    assert [(p.line, p.what) for p in problems] == [(3, "The key 'name' is given twice here.")]


def test_a_key_may_replace_a_merged_one() -> None:
    source = parse_yaml(Path("x.yaml"), "a: &base {k: 1, m: 1}\nb:\n  <<: *base\n  k: 2\n")
    assert source.data["b"] == {"k": 2, "m": 1}
    assert source.line(("b", "k")) == 4


def test_yes_and_dates_stay_text(folder: Folder) -> None:
    folder.changed("{Baru: open, Selesai: closed}", "{yes: open, no: closed, 2024-01-01: open}")
    _, problems = check_catalog(only=folder.root)
    assert problems == []


def test_file_name_and_id_agree(folder: Folder) -> None:
    folder.changed("id: kios", "id: kiosk")
    _, problems = check_catalog(only=folder.root)
    assert "differs from the name 'kios'" in problems[0].what


def test_city_locale_must_be_whole(folder: Folder) -> None:
    folder.write("cities/town/city.yaml", CITY.replace('decimal: ",", ', ""))
    _, problems = check_catalog(only=folder.root)
    assert any("lacks 'decimal'" in p.what for p in problems)


def test_decimal_and_thousands_differ(folder: Folder) -> None:
    folder.changed("cadence: daily", 'cadence: daily\nlocale: {decimal: "."}')
    _, problems = check_catalog(only=folder.root)
    assert any("decimal and the grouping sign are the same" in p.what for p in problems)


def test_missing_folder_is_told(tmp_path: Path) -> None:
    _, problems = check_catalog(tmp_path / "nowhere")
    assert "no such catalogue folder" in problems[0].what
