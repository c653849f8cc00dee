"""The tables of schema ops: what was pulled, how it ended, what the rules said, what waits. Declarations only."""

from __future__ import annotations

import sqlalchemy as sa

from opg_pipeline.load.tables import OPS, column


def ops_tables(metadata: sa.MetaData) -> None:
    """Declare every table of schema ops in ``metadata``."""
    c = column
    sa.Table(
        "slice",
        metadata,
        c("slice_id", "string", "The pull", "Penarikan", key=True),
        c("run_id", "string", "Ingest run", "Proses penarikan"),
        c("city", "string", "City", "Kota atau kabupaten"),
        c("app", "string", "App", "Aplikasi"),
        c("dataset", "string", "Dataset of the app", "Dataset aplikasi"),
        c("category", "string", "Standard category", "Kategori standar"),
        c("nature", "string", "event, snapshot or cumulative", "event, snapshot, atau cumulative"),
        c("complete", "boolean", "Whether the pull held all the source has", "Apakah penarikan memuat seluruh isi sumber"),
        c("committed_at", "timestamp", "When the pull was safely stored", "Waktu penarikan tersimpan aman"),
        c("outcome", "string", "How the pull ended", "Hasil penarikan"),
        c("records", "integer", "Records delivered", "Rekaman yang dikirim"),
        c("accepted", "integer", "Records brought into standard shape", "Rekaman yang berhasil distandarkan"),
        c("quarantined", "integer", "Records that wait since normalising", "Rekaman yang tertahan saat penormalan"),
        c("values_quarantined", "integer", "Values that wait while their record was loaded", "Nilai yang tertahan sementara rekamannya dimuat"),
        c("skipped", "integer", "Rows that are no records", "Baris yang bukan rekaman"),
        c("validation_quarantined", "integer", "Records that wait since validation", "Rekaman yang tertahan saat validasi"),
        c("inserted", "integer", "Records new in core", "Rekaman baru di core"),
        c("updated", "integer", "Records changed in core", "Rekaman yang berubah di core"),
        c("unchanged", "integer", "Records that were there as they are", "Rekaman yang sudah ada dan tidak berubah"),
        c("duplicates", "integer", "Rows replaced by a newer row of the same record", "Baris yang digantikan baris lebih baru dari rekaman yang sama"),
        c("vanished", "integer", "Records the source no longer holds", "Rekaman yang tidak lagi ada di sumber"),
        c("revived", "integer", "Records that had vanished and came back", "Rekaman yang pernah hilang lalu muncul kembali"),
        c("merged_at", "timestamp", "When the slice was merged or blocked", "Waktu penggabungan atau pemblokiran"),
        c("declaration_hash", "string", "Digest of the declarations the slice was made by", "Sidik deklarasi pembentuk slice"),
        c("blocked", "boolean", "Whether a dataset rule kept the slice out of core", "Apakah aturan dataset menahan slice di luar core"),
        c("reason", "string", "Why it was blocked", "Alasan pemblokiran", null=True),
        c("guard", "string", "Why missing records were not held to have vanished", "Alasan rekaman yang tidak ada tidak dianggap hilang", null=True),
        schema=OPS,
        comment="One pull of one dataset as it came into the warehouse. | Satu penarikan satu dataset sebagaimana masuk ke gudang data.",
    )  # fmt: skip
    sa.Table(
        "run_outcome",
        metadata,
        c("run_id", "string", "Ingest run", "Proses penarikan", key=True),
        c("city", "string", "City", "Kota atau kabupaten", key=True),
        c("app", "string", "App", "Aplikasi", key=True),
        c("dataset", "string", "Dataset of the app", "Dataset aplikasi", key=True),
        c("category", "string", "Standard category", "Kategori standar"),
        c("outcome", "string", "How the pull ended", "Hasil penarikan"),
        c("started_at", "timestamp", "When the pull began", "Waktu penarikan dimulai"),
        c("finished_at", "timestamp", "When the pull ended", "Waktu penarikan selesai"),
        c("message", "string", "What happened", "Apa yang terjadi"),
        c("hint", "string", "What to do", "Apa yang harus dilakukan"),
        c("http_status", "integer", "HTTP status, if any", "Status HTTP, bila ada", null=True),
        c("attempts", "integer", "Requests of the failing call", "Percobaan pada permintaan yang gagal"),
        c("requests", "integer", "Requests in all", "Jumlah permintaan"),
        c("retries", "integer", "Requests that were repeated", "Permintaan yang diulang"),
        c("bytes", "integer", "Bytes received", "Bita yang diterima"),
        c("records", "integer", "Records delivered", "Rekaman yang dikirim"),
        c("accepted", "integer", "Records brought into standard shape", "Rekaman yang berhasil distandarkan"),
        c("quarantined", "integer", "Records that wait", "Rekaman yang tertahan"),
        c("values_quarantined", "integer", "Values that wait while their record was loaded", "Nilai yang tertahan sementara rekamannya dimuat"),
        c("skipped", "integer", "Rows that are no records", "Baris yang bukan rekaman"),
        c("slice_id", "string", "The slice it left, if any", "Slice yang dihasilkan, bila ada", null=True),
        schema=OPS,
        comment="How one dataset fared in one ingest run. | Hasil satu dataset dalam satu proses penarikan.",
    )  # fmt: skip
    sa.Table(
        "validation",
        metadata,
        c("batch_id", "string", "One validation of one category before a merge", "Satu validasi satu kategori sebelum penggabungan", key=True),
        c("category", "string", "Standard category", "Kategori standar", key=True),
        c("rule", "string", "Rule of the category", "Aturan kategori", key=True),
        c("kind", "string", "row or dataset", "row (baris) atau dataset"),
        c("severity", "string", "quarantine, warn or block", "quarantine (karantina), warn (peringatan), atau block (blokir)"),
        c("description", "string", "What the rule asks", "Isi aturan"),
        c("expectation", "string", "Great Expectations expectation that judged", "Ekspektasi Great Expectations yang menilai"),
        c("success", "boolean", "Whether the rule held", "Apakah aturan terpenuhi"),
        c("evaluated", "integer", "Records (row rule) or datasets (dataset rule) judged", "Rekaman atau dataset yang dinilai"),
        c("unexpected", "integer", "Of these, how many failed", "Di antaranya, jumlah yang gagal"),
        c("error", "string", "Why the rule could not be judged; empty if it was", "Alasan aturan tidak dapat dinilai; kosong bila dinilai"),
        c("groups", "list", "app/dataset that failed (JSON list)", "app/dataset yang gagal (daftar JSON)"),
        c("at", "timestamp", "When the batch was merged", "Waktu penggabungan"),
        schema=OPS,
        comment="How one rule fared in one batch. | Hasil satu aturan pada satu kelompok data.",
    )  # fmt: skip
    sa.Table(
        "quarantine_count",
        metadata,
        c("slice_id", "string", "The pull", "Penarikan", key=True),
        c("scope", "string", "record (it waits) or value (the record was loaded without it)", "record (rekaman tertahan) atau value (rekaman dimuat tanpa nilai itu)", key=True),
        c("reason", "string", "Why", "Alasan", key=True),
        c("rule", "string", "Rule that refused, if any", "Aturan yang menolak, bila ada", key=True),
        c("field", "string", "Field it is about, if one", "Kolom terkait, bila ada", key=True),
        c("n", "integer", "How many", "Jumlah"),
        schema=OPS,
        comment="What waits in quarantine, counted. | Jumlah data yang tertahan di karantina.",
    )  # fmt: skip
    sa.Table(
        "schema_version",
        metadata,
        c("table_schema", "string", "Schema", "Skema", key=True),
        c("table_name", "string", "Table", "Tabel", key=True),
        c("digest", "string", "Digest of the table's declaration", "Sidik deklarasi tabel"),
        c("applied_at", "timestamp", "When the table was brought to it", "Waktu penerapan"),
        schema=OPS,
        comment="The declaration each table was last brought to. | Deklarasi terakhir yang diterapkan pada tiap tabel.",
    )
