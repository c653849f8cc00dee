"""Three published measures of each category as plain SQL over core, written from their definitions and not from the declarations.

Per measure: the length of its period, which records count, and the number they make. The template adds place and period.
"""

from __future__ import annotations

MEDIAN = "quantile_cont({}::double, 0.5)"
BY_HAND: dict[str, tuple[str, str, str]] = {
    "care_encounter.encounters": ("month", "true", "count(*)"),
    "care_encounter.wait": ("month", "wait_minutes is not null", MEDIAN.format("wait_minutes")),
    "care_encounter.share_emergency": ("month", "true", "avg((encounter_class = 'EMER')::int)"),
    "contract_process.releases": ("month", "true", "count(*)"),
    "contract_process.budget": ("month", "budget_idr is not null", "sum(budget_idr)"),
    "contract_process.share_open": (
        "month",
        "procurement_method is not null",
        "avg((procurement_method = 'open')::int)",
    ),
    "document_record.documents": ("month", "true", "count(*)"),
    "document_record.share_in_force": (
        "month",
        "status in ('berlaku', 'diubah', 'dicabut', 'tidak_berlaku')",
        "avg((status in ('berlaku', 'diubah'))::int)",
    ),
    "document_record.share_repealed": (
        "month",
        "status in ('berlaku', 'diubah', 'dicabut', 'tidak_berlaku')",
        "avg((status = 'dicabut')::int)",
    ),
    "fiscal_entry.entries": ("month", "true", "count(*)"),
    "fiscal_entry.revenue": (
        "month",
        "direction = 'revenue' and phase = 'executed' and grain = 'transaction'",
        "sum(amount_idr)",
    ),
    "fiscal_entry.expenditure": (
        "month",
        "direction = 'expenditure' and phase = 'executed' and grain = 'transaction'",
        "sum(amount_idr)",
    ),
    "incident_event.incidents": ("month", "true", "count(*)"),
    "incident_event.minutes_to_response": (
        "month",
        "onset_at is not null and response_at is not null",
        MEDIAN.format("epoch_us(response_at) - epoch_us(onset_at)") + " / 60e6",
    ),
    "incident_event.people_affected": ("month", "people_affected is not null", "sum(people_affected)"),
    "indicator_observation.observations": ("month", "true", "count(*)"),
    "indicator_observation.share_missing": ("month", "true", "avg((obs_status = 'M')::int)"),
    "indicator_observation.coverage": ("month", "coverage_pct is not null", MEDIAN.format("coverage_pct")),
    "price_observation.price_observations": ("day", "true", "count(*)"),
    "price_observation.share_forward_filled": ("day", "true", "avg(is_forward_filled::int)"),
    "price_observation.price": ("day", "not is_forward_filled and price_idr is not null", MEDIAN.format("price_idr")),
    "programme_enrolment.enrolments": ("month", "status = 'active'", "count(*)"),
    "programme_enrolment.benefit_amount": (
        "month",
        "status = 'active' and benefit_amount_idr is not null",
        MEDIAN.format("benefit_amount_idr"),
    ),
    "programme_enrolment.share_poorest": (
        "month",
        "status = 'active' and welfare_decile between 1 and 10",
        "avg((welfare_decile <= 4)::int)",
    ),
    "registry_entity.entities": ("month", "status in ('active', 'inactive', 'damaged')", "count(*)"),
    "registry_entity.share_active": (
        "month",
        "status in ('active', 'inactive', 'damaged')",
        "avg((status = 'active')::int)",
    ),
    "registry_entity.book_value": (
        "month",
        "status in ('active', 'inactive', 'damaged') and book_value_idr is not null",
        "sum(book_value_idr)",
    ),
    "sensor_reading.readings": ("day", "not is_forecast", "count(*)"),
    "sensor_reading.share_good": ("day", "not is_forecast", "avg((result_quality = 'good')::int)"),
    "sensor_reading.reading_value": (
        "day",
        "not is_forecast and result_quality in ('good', 'estimated') and result is not null",
        MEDIAN.format("result"),
    ),
    "service_case.cases": ("month", "true", "count(*)"),
    "service_case.share_granted": ("month", "true", "avg((status in ('approved', 'issued'))::int)"),
    "service_case.days_to_decision": (
        "month",
        "submitted_at is not null and decided_at is not null",
        MEDIAN.format("epoch_us(decided_at) - epoch_us(submitted_at)") + " / 86400e6",
    ),
    "service_request.requests": ("month", "true", "count(*)"),
    "service_request.share_closed": ("month", "true", "avg((status = 'closed')::int)"),
    "service_request.days_to_close": (
        "month",
        "status = 'closed' and requested_datetime is not null and closed_datetime is not null",
        MEDIAN.format("epoch_us(closed_datetime) - epoch_us(requested_datetime)") + " / 86400e6",
    ),
    "survey_response.responses": ("month", "true", "count(*)"),
    "survey_response.time_score": ("month", "u3 is not null", "avg(u3)"),
    "survey_response.conduct_score": ("month", "u7 is not null", "avg(u7)"),
    "workforce_record.records": ("month", "true", "count(*)"),
    "workforce_record.share_women": (
        "month",
        "record_class = 'position' and sex in ('L', 'P')",
        "avg((sex = 'P')::int)",
    ),
    "workforce_record.minutes_present": (
        "month",
        "record_class = 'attendance' and check_in is not null and check_out is not null",
        MEDIAN.format("epoch_us(check_out) - epoch_us(check_in)") + " / 60e6",
    ),
}
SPLIT = {
    "price_observation.price": "commodity_code || ' | ' || unit || ' | ' || coalesce(price_level, '')",
    "sensor_reading.reading_value": "observed_property || ' | ' || uom",
}
"""What a measure is broken down by."""


def statement(name: str) -> str:
    """SQL of one measure: period, region code, breakdown, number of records, value; of the city and of every district."""
    grain, counts, value = BY_HAND[name]
    table = name.partition(".")[0]
    split = SPLIT.get(name, "''")
    return f"""
with alive as (
  select r.*, date_trunc('{grain}', event_on)::date as period, {split} as part,
         case d.level when 'district' then d.code when 'village' then d.parent_code end as district
  from core.{table} r left join core.dim_region d on d.city_id = r.city_id and d.code = r.region_code
  where vanished_at is null and {counts})
select period, '35.22', part, count(*), ({value})::double from alive group by all
union all
select period, district, part, count(*), ({value})::double from alive where district is not null group by all"""
