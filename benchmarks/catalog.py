"""The catalogue of the benchmark: a city of 80 apps of the category service_request, for our own pipeline to run.

The one place that knows how manifests are written. `write` makes the files, `environment` points the pipeline at them.
"""

from __future__ import annotations

from pathlib import Path

CITY = "bench"

CITY_YAML = """\
id: {city}
name: Benchmark city
label: {{en: Benchmark city, id: Kota uji}}
timezone: Asia/Jakarta
regions: {{file: bojonegoro.csv, root: "35.22", fuzzy_threshold: 88}}
locale:
  decimal: ","
  thousands: "."
  date: dd/mm/yyyy
  datetime: dd/mm/yyyy HH:MM
  missing: [""]
agencies:
- {{id: kominfo, name: Dinas Komunikasi dan Informatika, short: Kominfo}}
"""

# The same reading of every app. `total` lets the pages after the first be asked for at once, as far as the budget goes.
# The budget is out of the way: a race is no place to be polite. `biaya` has no field in the category; it stays in raw.
APP_YAML = """\
id: {app}
name: Complaints {app}
agency: kominfo
urusan: "2.16"
status: active
cadence: daily
evidence: {{interface: assumed, reality: made up for the benchmark}}
source:
  base_url: {url}/{app}
  auth: {{type: none}}
  budget: {budget}
datasets:
- id: requests
  path: /records
  records: data
  paginate: {{type: offset, limit: {page}, total: meta.total}}
  nature: event
  category: service_request
  key: [id]
  personal: [hp]
  region: {{district: kecamatan, village: desa}}
  fields:
    service_request_id: {{from: id}}
    service_code: {{from: jenis}}
    status:
      from: status
      map: {{Baru: open, Diterima: acknowledged, Diproses: in_progress, Selesai: closed, Ditolak: rejected}}
    requested_datetime: {{from: tanggal, parse: datetime}}
    closed_datetime: {{from: tanggal_selesai, parse: datetime}}
    description: {{from: uraian}}
    reporter_key: {{from: hp}}
    lat: {{from: lat}}
    long: {{from: long}}
"""


RACE = "{requests_per_second: 1000, concurrent: 16}"


def write(folder: Path, *, url: str, apps: int, page: int, budget: str = RACE, apart: bool = False) -> None:
    """`folder` becomes what OPG_CATALOG names: cities/bench/city.yaml and one file for each app.

    `apart`: every app at a loopback address of its own, since apps of one host share its budget.
    """
    home = folder / "cities" / CITY
    (home / "apps").mkdir(parents=True)
    (home / "city.yaml").write_text(CITY_YAML.format(city=CITY), encoding="utf-8")
    for number in range(apps):
        app = f"app{number:03d}"
        home_url = url.replace("127.0.0.1", f"127.0.0.{number + 1}") if apart else url
        text = APP_YAML.format(app=app, url=home_url, page=page, budget=budget)
        (home / "apps" / f"{app}.yaml").write_text(text, encoding="utf-8")


def environment(home: Path, catalog: Path) -> dict[str, str]:
    """What our pipeline is told by its environment, and nothing else is."""
    return {
        "OPG_HOME": str(home),
        "OPG_CATALOG": str(catalog),
        "OPG_CITY": CITY,
        "OPG_PSEUDONYM_KEY": "00" * 32,  # of people who do not exist
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "GX_ANALYTICS_ENABLED": "false",
    }
