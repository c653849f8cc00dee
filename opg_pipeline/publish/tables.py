"""The tables publish writes (schema mart) and the columns it reads (schemas core and ops), derived from the declarations.

No query and no number is made here. The load room creates the mart tables from :func:`mart_metadata`.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from opg_pipeline.model.category import Category
from opg_pipeline.model.handover import ENVELOPE

SCHEMA = "mart"


class PublishError(Exception):
    """Something cannot be published; the message says what, where, and what to do."""


def sql_type(declared: str) -> sa.types.TypeEngine[Any]:
    """SQL type of a declared field type. Enumerations and JSON (list, map, geojson) are text."""
    if declared.startswith("decimal"):
        precision, scale = declared[8:-1].split(",")
        return sa.Numeric(int(precision), int(scale))
    kinds: dict[str, sa.types.TypeEngine[Any]] = {
        "integer": sa.BigInteger(),
        "boolean": sa.Boolean(),
        "date": sa.Date(),
        "timestamp": sa.DateTime(timezone=True),
    }
    return kinds.get(declared, sa.Text())


def core_table(category: Category) -> sa.TableClause:
    """The columns of core.<category> that measures read."""
    columns = {name: declared for name, declared, _ in ENVELOPE}
    columns |= {field.name: field.type for field in category.stored_fields}
    columns["vanished_at"] = "timestamp"
    return sa.table(category.id, *(sa.column(name, sql_type(kind)) for name, kind in columns.items()), schema="core")


def dim_region() -> sa.TableClause:
    """The regions of every city."""
    return sa.table(
        "dim_region",
        *(sa.column(name, sa.Text()) for name in ("city_id", "code", "level", "parent_code")),
        schema="core",
    )


def ops_slice() -> sa.TableClause:
    """The committed pulls the warehouse knows of."""
    texts = ("slice_id", "city", "app", "dataset", "category", "outcome", "declaration_hash")
    numbers = ("records", "accepted", "quarantined", "validation_quarantined", "repairs")
    return sa.table(
        "slice",
        *(sa.column(name, sa.Text()) for name in texts),
        *(sa.column(name, sa.BigInteger()) for name in numbers),
        sa.column("committed_at", sa.DateTime(timezone=True)),
        sa.column("blocked", sa.Boolean()),
        schema="ops",
    )


def ops_quarantine() -> sa.TableClause:
    """What waits in quarantine now."""
    texts = ("city", "app", "dataset", "scope", "reason", "rule", "field")
    return sa.table(
        "quarantine",
        *(sa.column(name, sa.Text()) for name in texts),
        *(sa.column(name, sa.BigInteger()) for name in ("open", "dismissed", "repaired")),
        schema="ops",
    )


def ops_drift() -> sa.TableClause:
    """How sources departed from what they were."""
    texts = ("run_id", "city", "app", "dataset", "place", "kind", "action")
    return sa.table(
        "drift",
        *(sa.column(name, sa.Text()) for name in texts),
        sa.column("found_at", sa.DateTime(timezone=True)),
        schema="ops",
    )


def ops_run_outcome() -> sa.TableClause:
    """How every pull ended."""
    texts = ("run_id", "city", "app", "dataset", "category", "outcome", "message", "slice_id")
    return sa.table(
        "run_outcome",
        *(sa.column(name, sa.Text()) for name in texts),
        sa.column("finished_at", sa.DateTime(timezone=True)),
        schema="ops",
    )


def column(
    name: str, kind: type[sa.types.TypeEngine[Any]] | sa.types.TypeEngine[Any], en: str, id_: str, *, null: bool = False
) -> sa.Column[Any]:
    """A column with its meaning in English and Indonesian as comment."""
    return sa.Column(name, kind, nullable=null, comment=f"{en} | {id_}")


def mart_metadata() -> sa.MetaData:
    """mart.measure, mart.app_scorecard, mart.measure_definition and mart.context_note, with comments (English | Indonesian).

    Numbers of measures are double precision: sums are added up exactly before they become one, and 15 digits stay exact.
    """
    metadata = sa.MetaData(schema=SCHEMA)
    c, when = column, sa.DateTime(timezone=True)
    sa.Table(
        "measure",
        metadata,
        c("city_id", sa.Text, "City", "Kota atau kabupaten"),
        c("category_id", sa.Text, "Standard category the records belong to", "Kategori standar asal rekaman"),
        c("measure_id", sa.Text, "Measure, see mart.measure_definition", "Ukuran, lihat mart.measure_definition"),
        c("breakdown", sa.Text, "What the cell is of, such as commodity and unit, in the order of breakdown_fields of mart.measure_definition; empty where the measure is not broken down", "Rincian sel, misalnya komoditas dan satuan, menurut urutan breakdown_fields di mart.measure_definition; kosong bila tidak dirinci"),
        c("unit", sa.Text, "Unit of value, median, p10 and p90", "Satuan value, median, p10, dan p90"),
        c("period_grain", sa.Text, "Length of the period: day, month, quarter or year", "Panjang periode: hari, bulan, triwulan, atau tahun"),
        c("period_start", sa.Date, "First day of the period, in the city's time zone", "Hari pertama periode, menurut zona waktu kota"),
        c("period_end", sa.Date, "Last day of the period, included", "Hari terakhir periode, termasuk"),
        c("region_code", sa.Text, "Kemendagri code; empty where the city declares no regions", "Kode Kemendagri; kosong bila kota tidak memiliki daftar wilayah"),
        c("region_name", sa.Text, "Name of the region", "Nama wilayah"),
        c("region_level", sa.Text, "regency (all records of the city) or district", "regency (semua rekaman kota) atau district (kecamatan)"),
        c("n", sa.BigInteger, "Records behind the value; null where suppressed", "Jumlah rekaman di balik nilai; kosong bila disembunyikan", null=True),
        c("value", sa.Double, "The measure; a share is 0 to 1; null where suppressed", "Nilai ukuran; proporsi bernilai 0 sampai 1; kosong bila disembunyikan", null=True),
        c("median", sa.Double, "Median of the records' values, 15 digits; null where a record has none", "Median nilai per rekaman, 15 angka; kosong bila tidak ada nilai per rekaman", null=True),
        c("p10", sa.Double, "A tenth of the records lie below", "Sepersepuluh rekaman berada di bawah nilai ini", null=True),
        c("p90", sa.Double, "A tenth of the records lie above", "Sepersepuluh rekaman berada di atas nilai ini", null=True),
        c("apps_expected", sa.BigInteger, "Active apps of the city that feed the category", "Aplikasi aktif kota yang memasok kategori ini"),
        c("apps_reporting", sa.BigInteger, "Of these, apps with records of the category in the period, city-wide", "Di antaranya, aplikasi yang memiliki rekaman kategori pada periode, se-kota"),
        c("records_quarantined", sa.BigInteger, "Records of the category that wait in quarantine, city-wide", "Rekaman kategori yang menunggu di karantina, se-kota"),
        c("share_without_region", sa.Double, "Share of the measure's records without a region, city-wide in the period; null where it would give a suppressed cell away", "Proporsi rekaman tanpa wilayah, se-kota dalam periode; kosong bila dapat membuka sel yang disembunyikan", null=True),
        c("oldest_data_at", when, "When the app with the oldest data last delivered", "Waktu pasokan terakhir dari aplikasi yang datanya paling lama", null=True),
        c("caveats", sa.Text, "JSON list of caveats, sorted", "Daftar JSON catatan kehati-hatian, terurut"),
        c("suppressed", sa.Boolean, "Whether the cell is hidden, being small or so that a small one cannot be found by subtraction; which of the two is not told", "Apakah sel disembunyikan karena kecil atau agar sel kecil tidak dapat dihitung; alasannya tidak disebut"),
        comment="Every published number with what it rests on. One row per city, measure, breakdown, period and region. | Setiap angka terbitan beserta dasarnya. Satu baris per kota, ukuran, rincian, periode, dan wilayah.",
    )  # fmt: skip
    sa.Table(
        "app_scorecard",
        metadata,
        c("city_id", sa.Text, "City", "Kota atau kabupaten"),
        c("app_id", sa.Text, "App of the catalogue", "Aplikasi dalam katalog"),
        c("name", sa.Text, "Name of the app", "Nama aplikasi"),
        c("agency_id", sa.Text, "Responsible agency (OPD)", "Perangkat daerah penanggung jawab"),
        c("agency_name", sa.Text, "Name of the agency", "Nama perangkat daerah"),
        c("status", sa.Text, "active, paused or retired", "active (aktif), paused (jeda), atau retired (berhenti)"),
        c("categories", sa.Text, "JSON list of the categories the app feeds", "Daftar JSON kategori yang dipasok aplikasi"),
        c("datasets", sa.Text, "JSON list of the declared datasets", "Daftar JSON himpunan data yang dideklarasikan"),
        c("cadence", sa.Text, "How often the app is pulled", "Seberapa sering aplikasi ditarik"),
        c("interface", sa.Text, "published, recorded or assumed: what is known of the real interface", "published, recorded, atau assumed: apa yang diketahui tentang antarmuka aslinya"),
        c("last_outcome", sa.Text, "How the last pull ended; the worst dataset counts", "Hasil tarikan terakhir; himpunan data terburuk yang dihitung", null=True),
        c("last_outcome_at", when, "When that pull ended", "Waktu tarikan itu selesai", null=True),
        c("last_message", sa.Text, "What that pull said", "Pesan dari tarikan itu", null=True),
        c("last_good_at", when, "Last good delivery; the oldest of the app's datasets", "Pasokan baik terakhir; yang paling lama di antara himpunan datanya", null=True),
        c("hours_since_good", sa.Double, "Hours since then", "Jam sejak saat itu", null=True),
        c("overdue", sa.Boolean, "Active, and a dataset is older than three times its cadence or never came", "Aktif, dan ada himpunan data yang lebih lama dari tiga kali jadwalnya atau belum pernah datang"),
        c("runs_total", sa.BigInteger, "Runs that pulled the app", "Jumlah tarikan aplikasi"),
        c("runs_good_share", sa.Double, "Share of these in which every dataset went well", "Proporsi tarikan yang semua himpunan datanya berhasil", null=True),
        c("records_core", sa.BigInteger, "Records in the warehouse now", "Rekaman di gudang data saat ini"),
        c("accepted_last", sa.BigInteger, "Records accepted in the newest pull of each dataset", "Rekaman diterima pada tarikan terbaru tiap himpunan data"),
        c("quarantined_last", sa.BigInteger, "Records of these pulls that wait in quarantine", "Rekaman tarikan tersebut yang menunggu di karantina"),
        c("quarantine_share", sa.Double, "quarantined_last of the records delivered", "quarantined_last terhadap rekaman yang dikirim", null=True),
        c("quarantine_open", sa.BigInteger, "Refusals of records and values that wait for somebody, see ops.quarantine", "Penolakan rekaman dan nilai yang menunggu penanganan, lihat ops.quarantine", null=True),
        c("quarantine_dismissed", sa.BigInteger, "Refusals that somebody has set aside, with a reason", "Penolakan yang dikesampingkan dengan alasan", null=True),
        c("drifted_at", when, "When the source was last found to differ from what it was, see ops.drift", "Kapan sumber terakhir ditemukan berubah, lihat ops.drift", null=True),
        c("drifted", sa.Text, "JSON list of what differed then: dataset, field, kind and action", "Daftar JSON perubahan saat itu: himpunan data, kolom, jenis, dan tindakan", null=True),
        c("region_resolved_share", sa.Double, "Share of the records with a region, cut to whole per cents to protect small groups", "Proporsi rekaman yang memiliki wilayah, dipotong ke persen bulat untuk melindungi kelompok kecil", null=True),
        c("oldest_event_on", sa.Date, "Day of the oldest record", "Hari rekaman terlama", null=True),
        c("newest_event_on", sa.Date, "Day of the newest record", "Hari rekaman terbaru", null=True),
        comment="How well every app of the catalogue feeds the city's numbers. | Seberapa baik tiap aplikasi dalam katalog memasok angka kota.",
    )  # fmt: skip
    sa.Table(
        "measure_definition",
        metadata,
        c("category_id", sa.Text, "Standard category", "Kategori standar"),
        c("category_label_en", sa.Text, "Name of the category, English", "Nama kategori, bahasa Inggris"),
        c("category_label_id", sa.Text, "Name of the category, Indonesian", "Nama kategori, bahasa Indonesia"),
        c("standard", sa.Text, "Standard the category follows", "Standar yang diikuti kategori"),
        c("measure_id", sa.Text, "Measure", "Ukuran"),
        c("label_en", sa.Text, "Name, English", "Nama, bahasa Inggris"),
        c("label_id", sa.Text, "Name, Indonesian", "Nama, bahasa Indonesia"),
        c("concept", sa.Text, "What it is about", "Konsep"),
        c("definition", sa.Text, "How it is defined", "Definisi"),
        c("interpretation", sa.Text, "How to read it", "Interpretasi"),
        c("unit", sa.Text, "Unit", "Satuan"),
        c("aggregation", sa.Text, "count, sum, mean, median or share", "count, sum, mean, median, atau share"),
        c("value_rule", sa.Text, "JSON: the number taken from one record", "JSON: angka yang diambil dari satu rekaman", null=True),
        c("conditions", sa.Text, "JSON: only records that fit", "JSON: hanya rekaman yang sesuai"),
        c("numerator", sa.Text, "JSON: what counts in a share", "JSON: yang dihitung dalam proporsi", null=True),
        c("breakdown_fields", sa.Text, "JSON list of the fields the measure is broken down by", "Daftar JSON kolom perincian ukuran"),
        c("pack_id", sa.Text, "Partner's pack that declares it; empty for the catalogue's own", "Paket mitra yang mendeklarasikannya; kosong bila dari katalog"),
        c("pack_title", sa.Text, "Title of the pack", "Judul paket"),
        c("pack_author", sa.Text, "Who answers for the pack", "Penanggung jawab paket"),
        c("pack_topic", sa.Text, "Topic of the pack; rival packs share it", "Topik paket; paket yang bersaing memiliki topik sama"),
        c("period_grain", sa.Text, "Length of the period", "Panjang periode"),
        c("not_counted", sa.Text, "Who or what is left out", "Siapa atau apa yang tidak dihitung"),
        c("min_cell", sa.BigInteger, "Smallest number of records a published cell rests on", "Jumlah rekaman terkecil sebuah sel terbitan"),
        c("steward", sa.Text, "Who answers for the definition", "Wali data definisi ini"),
        c("review_by", sa.Date, "By when the definition is looked at again", "Batas peninjauan ulang definisi"),
        comment="What every measure means. | Arti setiap ukuran.",
    )  # fmt: skip
    sa.Table(
        "measure_reversal",
        metadata,
        c("city_id", sa.Text, "City", "Kota atau kabupaten"),
        c("category_id", sa.Text, "Standard category", "Kategori standar"),
        c("measure_id", sa.Text, "Measure", "Ukuran"),
        c("period_start", sa.Date, "First day of the period that is marked", "Hari pertama periode yang ditandai"),
        c("previous_start", sa.Date, "First day of the period before", "Hari pertama periode sebelumnya"),
        c("subgroups", sa.Text, "What the parts are", "Jenis bagian"),
        c("change", sa.Double, "By how much the whole moved", "Perubahan keseluruhan"),
        c("change_at_fixed_weights", sa.Double, "By how much it would have moved had the parts kept their weights", "Perubahan seandainya bobot tiap bagian tetap"),
        c("rising", sa.BigInteger, "Parts that rose", "Jumlah bagian yang naik"),
        c("falling", sa.BigInteger, "Parts that fell", "Jumlah bagian yang turun"),
        c("covered", sa.Double, "Share of the records in parts with published numbers, the smaller of both periods", "Proporsi rekaman pada bagian yang angkanya terbit, yang terkecil dari kedua periode"),
        c("p", sa.Double, "Probability that either change is chance, the greater of both; before Holm's correction", "Peluang bahwa salah satu perubahan kebetulan, yang terbesar; sebelum koreksi Holm"),
        comment="Where the city's number moved one way and its parts the other (Simpson's paradox), from published cells alone. | Angka kota bergerak ke satu arah dan bagiannya ke arah sebaliknya (paradoks Simpson), hanya dari sel yang terbit.",
    )  # fmt: skip
    sa.Table(
        "association",
        metadata,
        c("city_id", sa.Text, "City", "Kota atau kabupaten"),
        c("pack_id", sa.Text, "Partner's pack that asks for the pair; empty for the catalogue's own", "Paket mitra yang meminta pasangan ini; kosong bila dari katalog"),
        c("measure_a", sa.Text, "One measure, <category>.<measure>", "Ukuran pertama, <kategori>.<ukuran>"),
        c("measure_b", sa.Text, "The other measure", "Ukuran kedua"),
        c("lag", sa.BigInteger, "By how many periods the other is taken later", "Selisih periode: ukuran kedua diambil sekian periode kemudian"),
        c("label", sa.Text, "What is said of the pair, from a closed list; it never names a cause", "Pernyataan tentang pasangan, dari daftar tertutup; tidak pernah menyebut sebab"),
        c("n", sa.BigInteger, "Pairs of changes compared", "Jumlah pasangan perubahan yang dibandingkan"),
        c("rho", sa.Double, "Rank correlation of the changes (Spearman), -1 to 1", "Korelasi peringkat perubahan (Spearman), -1 sampai 1", null=True),
        c("low", sa.Double, "Lower end of the 95 % interval", "Batas bawah selang 95 %", null=True),
        c("high", sa.Double, "Upper end of the 95 % interval", "Batas atas selang 95 %", null=True),
        c("p", sa.Double, "Probability of such a correlation by chance, alone", "Peluang korelasi seperti itu karena kebetulan, bila sendiri", null=True),
        c("p_corrected", sa.Double, "The same, corrected for all pairs and lags compared (Benjamini and Yekutieli)", "Sama, setelah koreksi untuk semua pasangan dan selisih (Benjamini dan Yekutieli)", null=True),
        c("pairs_compared", sa.BigInteger, "Number of pairs and lags compared", "Jumlah pasangan dan selisih yang dibandingkan"),
        c("context", sa.Text, "Why the pair is looked at", "Alasan pasangan ini dilihat"),
        c("confounders", sa.Text, "JSON list of what else could move both", "Daftar JSON hal lain yang dapat menggerakkan keduanya"),
        comment="How pairs of measures moved together. That they did says nothing of why. | Bagaimana pasangan ukuran bergerak bersama. Hal itu tidak menyatakan sebabnya.",
    )  # fmt: skip
    sa.Table(
        "series_break",
        metadata,
        c("city_id", sa.Text, "City", "Kota atau kabupaten"),
        c("category_id", sa.Text, "Standard category whose series breaks", "Kategori standar yang deretnya terputus"),
        c("break_on", sa.Date, "Day from which values may not compare with those before", "Hari sejak nilai mungkin tidak sebanding dengan sebelumnya"),
        c("kind", sa.Text, "declaration, drift or app_joined", "declaration (deklarasi), drift (sumber berubah), atau app_joined (aplikasi baru)"),
        c("app_id", sa.Text, "App it comes from", "Aplikasi penyebabnya"),
        c("dataset", sa.Text, "Dataset of the app, where it is one", "Himpunan data aplikasi, bila hanya satu", null=True),
        c("what", sa.Text, "What changed, where it is known", "Yang berubah, bila diketahui", null=True),
        comment="Where series of numbers stop being comparable, and why. | Titik deret angka tidak lagi sebanding, dan sebabnya.",
    )  # fmt: skip
    sa.Table(
        "context_note",
        metadata,
        c("city_id", sa.Text, "City", "Kota atau kabupaten"),
        c("note_id", sa.Text, "Note", "Catatan"),
        c("kind", sa.Text, "context, caveat, criticism or method", "context, caveat, criticism, atau method"),
        c("title", sa.Text, "Title", "Judul"),
        c("author", sa.Text, "Who says it", "Penulis"),
        c("measure_ids", sa.Text, "JSON list of the measures it speaks of; empty for all", "Daftar JSON ukuran yang dibahas; kosong untuk semua"),
        c("region_codes", sa.Text, "JSON list of the regions it speaks of; empty for all", "Daftar JSON wilayah yang dibahas; kosong untuk semua"),
        c("valid_from", sa.Date, "First day it speaks of", "Hari pertama yang dibahas", null=True),
        c("valid_to", sa.Date, "Last day it speaks of", "Hari terakhir yang dibahas", null=True),
        c("body", sa.Text, "The note, Markdown", "Isi catatan, Markdown"),
        comment="What partners say about the numbers. | Apa kata mitra tentang angka-angka ini.",
    )  # fmt: skip
    return metadata


def mart_table(name: str) -> sa.Table:
    """One of the mart tables. Raises KeyError."""
    return mart_metadata().tables[f"{SCHEMA}.{name}"]
