"""After each day's run the warehouse holds what is true that day, of every app.

What one pull becomes is test_whole_city's; here it is what came, changed and went between pulls.
"""

from __future__ import annotations

import pytest

from opg_pipeline_tests.integration.days.lived import CATALOG, DAYS, NEVER_WHOLE, Days, held
from opg_pipeline_tests.integration.ledger import APPS

every_app = pytest.mark.parametrize("app", sorted(APPS))
every_day = pytest.mark.parametrize("number", range(len(DAYS)), ids=[f"{day:%m-%d}" for day in DAYS])


def test_something_came_changed_and_went_every_day(days: Days) -> None:
    for day in days.each[1:]:
        assert all(day.merged[name] > 0 for name in ("inserted", "updated", "vanished")), day.merged


@every_day
@every_app
def test_the_warehouse_holds_what_is_true_that_day(app: str, number: int, days: Days) -> None:
    """Each true record once, none that cannot be read, none that is gone from a list that is pulled whole."""
    case, before = days.each[number].case(app), [day.case(app) for day in days.each[:number]]
    former = {uid for one in before for uid in one.ids}
    loaded = {uid for one in before for uid, truth in zip(one.ids, one.truths, strict=True) if not held(one, truth)}
    wrong = []
    for place, truth in enumerate(case.truths):
        rows, waits = len(case.standard(place)), held(case, truth)
        # What was read before and cannot be read as it is now stands as it was.
        if rows != (0 if waits and case.ids[place] not in loaded else 1):
            wrong.append(f"{truth['record_id']} ({truth['defect']}): {rows} times, waits: {waits}")
    assert not wrong, f"{len(wrong)} of {len(case.truths)}: {wrong[:8]}"
    natures = {item.id: item.nature for item in CATALOG.cities["bojonegoro"].apps[app].datasets}
    for uid in set(case.pulled.by_id) - set(case.ids):
        assert uid in former
        for row in case.pulled.by_id[uid]:
            assert natures[row["source_dataset"]] != "snapshot" or app in NEVER_WHOLE


@every_day
@every_app
def test_every_value_is_that_days(app: str, number: int, days: Days) -> None:
    case = days.each[number].case(app)
    if case.truths or number == len(DAYS) - 1:
        case.every_value_is_the_true_one()
