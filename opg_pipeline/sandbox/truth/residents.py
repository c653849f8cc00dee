"""What residents needed from the counter and the clinic: civil documents and visits. No wire formats belong here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from random import Random
from typing import TYPE_CHECKING

from opg_pipeline.sandbox.truth.geography import District, Geography
from opg_pipeline.sandbox.truth.people import Person, Population
from opg_pipeline.sandbox.truth.records import ClinicVisit, DocumentCase
from opg_pipeline.sandbox.truth.timeline import at_hour, draw_days, end_of, midnight, office_days

if TYPE_CHECKING:
    from opg_pipeline.sandbox.truth.register import Draw

DOCUMENTS = (
    "family_card",
    "family_card",
    "identity_card",
    "identity_card",
    "birth_certificate",
    "death_certificate",
    "child_identity_card",
    "moving_letter",
    "marriage_certificate",
)
OUTCOMES = ("issued", "approved", "rejected", "returned", "withdrawn", "verified", "submitted")
OUTCOME_WEIGHTS = (70, 4, 5, 8, 3, 6, 4)
DECIDED = ("issued", "approved", "rejected", "withdrawn")
ILLNESSES = (
    "J06.9",
    "J06.9",
    "I10",
    "I10",
    "K30",
    "M79.1",
    "R50.9",
    "E11.9",
    "A09.9",
    "L23.9",
    "K02.1",
    "H10.9",
    "R51",
    "J00",
    "T14.1",
    "J45.9",
    "D64.9",
    "A15.0",
    "F32.9",
    "B20",
)


def document_cases(rng: Random, until: date, n: int, places: Geography, people: Population) -> list[DocumentCase]:
    """Applications for civil documents, sent by phone at any hour and decided at the office."""
    cases = []
    last = end_of(until)
    for number, (day, village) in enumerate(
        zip(draw_days(rng, until, n, lambda d: 0.3 + office_days(d)), places.scatter(rng, n), strict=True), 1
    ):
        applicant = people.adult_of(rng, village)
        at = at_hour(rng, day, range(6, 22))
        status = rng.choices(OUTCOMES, OUTCOME_WEIGHTS)[0]
        changed = at + timedelta(minutes=rng.randrange(30, 60 * 24 * 9))
        if changed > last:
            status, changed = "submitted", at
        cases.append(
            DocumentCase(
                record_id=f"REG-3522-{day:%Y}-{number:06d}",
                at=at,
                district=village.district.code,
                village=village.code,
                service=rng.choice(DOCUMENTS),
                status=status,
                decided_at=changed if status in DECIDED else None,
                changed_at=at if status == "submitted" else changed,
                applicant=applicant,
            )
        )
    return cases


def facilities(places: Geography) -> list[tuple[str, str, District]]:
    """Code, name and district of every community health centre: one per district and a second one in eight of them."""
    found = []
    for number, district in enumerate(places.districts, 1):
        found.append((f"P3522{number:02d}0101", f"Puskesmas {district.name}", district))
        if number % 4 == 0 or number == 15:
            second = next(v for v in places.villages if v.district is district and v.name != district.name)
            found.append((f"P3522{number:02d}0202", f"Puskesmas {second.name}", district))
    return found


def clinic_visits(rng: Random, until: date, n: int, places: Geography, people: Population) -> list[ClinicVisit]:
    """Visits to community health centres; more in the rainy season."""
    centres: dict[str, list[tuple[str, str, District]]] = {}
    for centre in facilities(places):
        centres.setdefault(centre[2].code, []).append(centre)
    visits = []
    days = draw_days(
        rng, until, n, lambda day: (0.25 + office_days(day)) * (1.3 if day.month in (11, 12, 1, 2) else 1.0)
    )
    for number, (day, village) in enumerate(zip(days, places.scatter(rng, n), strict=True), 1):
        patient = _patient(rng, people.by_village[village.code], day)
        code, name, district = rng.choice(centres[village.district.code])
        years, months = patient.age_on(day)
        pregnant = patient.sex == "P" and 17 <= years <= 42 and rng.random() < 0.12
        encounter = rng.choices(("AMB", "EMER", "IMP", "COMM"), (86, 7, 4, 3))[0]
        payer = rng.choices(("BPJS_PBI", "BPJS_NONPBI", "UMUM", "LAIN"), (52, 23, 20, 5))[0]
        outcome = "admitted" if encounter == "IMP" else rng.choices(("home", "referred"), (92, 8))[0]
        illness = "Z34.9" if pregnant else rng.choice(ILLNESSES) if rng.random() > 0.02 else None
        visits.append(
            ClinicVisit(
                record_id=f"K{day:%y}-{number:07d}",
                at=midnight(day),
                district=village.district.code,
                village=village.code,
                facility_id=code,
                facility=name,
                facility_district=district.code,
                patient=patient,
                patient_known=number % 190 != 0,
                age_years=years,
                age_months=months,
                sex=patient.sex,
                encounter_class=encounter,
                icd10=illness,
                payer_class=payer,
                outcome=outcome,
                wait_minutes=max(0, round(rng.gauss(34, 18))),
            )
        )
    return visits


def _patient(rng: Random, villagers: list[Person], day: date) -> Person:
    """Somebody of the village who was born by then."""
    return rng.choice([person for person in villagers if person.born < day])


DRAWS: Mapping[str, Draw] = {
    "si_nduk": lambda city, rng, n: document_cases(rng, city.until, n, city.places, city.people),
    "e_puskesmas": lambda city, rng, n: clinic_visits(rng, city.until, n, city.places, city.people),
}
