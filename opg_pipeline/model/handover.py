"""What the rooms hand to each other along the street: answers, pages, slices, outcomes. Plain data, no behaviour of a room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """How one pull of one dataset ended. Values are stored in ops and shown to people."""

    NEW_RECORDS = "new_records"
    NOT_MODIFIED = "not_modified"
    ZERO_RECORDS = "zero_records"
    MISSING_SECRET = "missing_secret"
    AUTH_FAILED = "auth_failed"
    VANISHED = "endpoint_vanished"
    UNREACHABLE = "unreachable"
    SERVER_ERROR = "server_error"
    RATE_LIMITED = "rate_limited"
    REFUSED = "refused"
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    PAGING_LOOP = "paging_loop"
    LEFT_HOST = "left_host"
    UNSUCCESSFUL = "unsuccessful"
    VOLUME_COLLAPSED = "volume_collapsed"
    FIELDS_LOST = "fields_lost"
    PERSONAL_DATA = "undeclared_personal_data"
    ALL_REJECTED = "all_rejected"
    TIMED_OUT = "timed_out"
    CIRCUIT_OPEN = "circuit_open"
    PUT_OFF = "put_off"
    INTERNAL_ERROR = "internal_error"

    @property
    def good(self) -> bool:
        """Whether the pull did what it should."""
        return self in {Outcome.NEW_RECORDS, Outcome.NOT_MODIFIED, Outcome.ZERO_RECORDS, Outcome.PUT_OFF}


class PullError(Exception):
    """A pull cannot go on. The message is for people and holds neither secret nor personal data.

    ``hint`` says what to do; ``attempts`` counts requests of the failing call; ``status`` is the HTTP status, if any.
    """

    def __init__(self, outcome: Outcome, what: str, hint: str, *, attempts: int = 0, status: int | None = None) -> None:
        super().__init__(what)
        self.outcome, self.what, self.hint, self.attempts, self.status = outcome, what, hint, attempts, status


@dataclass(frozen=True, slots=True)
class RawRef:
    """One archived answer. ``sha256`` of the exact (decompressed) body addresses it; ``url`` has its secrets struck out."""

    sha256: str
    bytes: int
    url: str
    method: str
    status: int
    fetched_at: datetime
    content_type: str = ""
    params: Mapping[str, str | int | None] = field(default_factory=dict, hash=False)
    """The request's parameters by name (`Page.params` without `pulled_at`, which is ``fetched_at``), so that the answer can be
    read again. None: withheld, because the value holds a secret or looks like personal data."""
    lists: str = ""
    """The parameter of `for_each` whose values this answer lists; empty for a page of records."""


@dataclass(slots=True)
class Page:
    """The records of one answer.

    ``parents``: per record the enclosing elements, nearest first, or None where the records path has none. ``document``
    is the whole decoded answer. ``number`` counts pages of this pull from 0.
    """

    records: list[Any]
    parents: list[tuple[Any, ...]] | None
    document: Any
    raw: RawRef
    number: int
    params: Mapping[str, str | int] = field(default_factory=dict)
    """The request's parameters by name, for paths that begin with ``$``."""


@dataclass(slots=True)
class PullFacts:
    """What a pull did, filled in while it runs."""

    requests: int = 0
    retries: int = 0
    pages: int = 0
    records: int = 0
    bytes: int = 0
    waited_seconds: float = 0.0
    not_modified: bool = False
    raw: list[RawRef] = field(default_factory=list)
    validators: dict[str, str] = field(default_factory=dict)
    """ETag and Last-Modified that speak for the whole dataset, for the next conditional request."""
    parts: int = 1
    """Values of a fan-out that were asked for."""
    part_validators: dict[str, dict[str, str]] = field(default_factory=dict)
    """The same for each value of a fan-out, by its name."""
    unmodified_parts: int = 0
    """Values whose answer was not modified, and whose records were therefore not delivered again."""
    failed_parts: list[str] = field(default_factory=list)
    """What each value that failed within `may_fail` said, secrets struck out."""
    windows_split: int = 0
    pages_shrunk: int = 0


@dataclass(slots=True)
class SliceManifest:
    """The commit record of one pull: written last, so a slice exists with all of its files or not at all."""

    slice_id: str
    run_id: str
    city: str
    app: str
    dataset: str
    category: str
    nature: str
    committed_at: datetime
    outcome: Outcome
    records: int
    """Records delivered, without the rows that `skip` names."""
    accepted: int
    quarantined: int
    """Records that wait in quarantine."""
    values_quarantined: int
    """Values that wait in quarantine while their record was loaded without them."""
    skipped: int
    waiting: list[tuple[str, str, str, str, int]]
    """What waits, counted: (scope, reason, rule, field, n)."""
    standard: list[str]
    """Parquet files, relative to the lake."""
    quarantine: list[str]
    raw: list[RawRef]
    cursor: str | None
    """Position for the next incremental pull, ISO 8601."""
    validators: dict[str, str]
    complete: bool
    """Whether the pull held all the source has (a snapshot from its first to its last page)."""
    declaration_hash: str
    """Of the app's and the category's declaration, to tell a changed meaning from changed data."""
    part_validators: dict[str, dict[str, str]] = field(default_factory=dict)
    repairs: list[str] = field(default_factory=list)
    """Entries of the quarantine that this slice repairs; empty for a pull. Such a slice says nothing of the source."""
    revision: int = 0
    """How many times its records were made again from raw and took the place of the former ones."""
    counted: int = 0
    """Records of this pull and of those before it, as long as the declaration was the same."""
    filled: dict[str, int] = field(default_factory=dict)
    """How many of them had a value, by field, to tell a field that is suddenly gone."""
    contract: dict[str, Any] = field(default_factory=dict)
    """The source's fields as last seen, for normalise/drift.py; empty where the slice is none of a pull."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One way in which a source departs from what it was.

    ``place`` is a path of the source, or a field of the category. ``kind``: new_field, missing_field, retyped or re_enumerated.
    ``action``: note, quarantine (what does not fit waits) or block (nothing of the pull is loaded). ``since``: when it had been
    seen first as it was ``before``. Texts hold names, kinds and counts, never a value of a record.
    """

    place: str
    kind: str
    action: str
    before: str
    now: str
    since: datetime


@dataclass(slots=True)
class OutcomeRecord:
    """How one dataset fared in one ingest run, for ops and for people."""

    run_id: str
    city: str
    app: str
    dataset: str
    category: str
    outcome: Outcome
    started_at: datetime
    finished_at: datetime
    message: str = ""
    hint: str = ""
    http_status: int | None = None
    attempts: int = 0
    requests: int = 0
    retries: int = 0
    bytes: int = 0
    records: int = 0
    accepted: int = 0
    quarantined: int = 0
    values_quarantined: int = 0
    skipped: int = 0
    slice_id: str | None = None
    drift: list[Drift] = field(default_factory=list)
    compared: bool = False
    """Whether the source was compared with what it was."""


ENVELOPE: tuple[tuple[str, str, str], ...] = (
    ("record_uid", "string", "128 bit of sha256(city|app|dataset|source_record_id), hex."),
    ("city_id", "string", "City of the catalogue."),
    ("source_app", "string", "App of the catalogue."),
    ("source_dataset", "string", "Dataset of the app."),
    ("source_record_id", "string", "Identifier exactly as delivered; a keyed token where it is personal."),
    ("agency_id", "string", "Responsible agency (OPD) of the city."),
    ("urusan_code", "string", "Government function, Permendagri 90/2019."),
    ("region_code", "string", "Kemendagri code, 35.22[.kk[.dddd]]; empty where unknown."),
    ("region_level", "string", "regency, district or village."),
    ("region_match", "string", "How the place became a code: code, exact_name, alias, fuzzy, none."),
    ("region_score", "decimal(5,2)", "Similarity 0 to 100 of a name match; 100 for a code."),
    ("event_at", "timestamp", "When it happened."),
    ("event_on", "date", "Day it happened, in the city's time zone."),
    ("reported_at", "timestamp", "When it was reported."),
    ("ingested_at", "timestamp", "When it was pulled."),
    ("quality_flags", "list", "What is doubtful about the record."),
    ("lineage_batch_id", "string", "The slice the record came in."),
    ("raw_sha256", "string", "Address of the raw answer that holds the record."),
    ("row_hash", "string", "128 bit digest of the record's content, for change detection."),
)
"""(name, type, meaning) of the columns every standard record begins with. Types as in CategoryField. Not null but
region_code, region_level, region_score, reported_at."""
ENVELOPE_NULLABLE = frozenset({"region_code", "region_level", "region_score", "reported_at"})

SLICE_ROW = "slice_row"
"""Extra integer column of standard files: position of the record in its slice, so that the last of several equal keys wins."""
