"""Every value of value_cases.yaml through the real normaliser; and docs/parsers.md, which shows them, is up to date.

`python -m opg_pipeline_tests.normalise.test_value_cases` writes the page anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from opg_pipeline_tests.normalise.build import TOKENS, one

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "parsers.md"
MEASURED = HERE / "value_cases_dlt.json"


@dataclass(frozen=True)
class Case:
    """One value under one declaration."""

    group: dict[str, Any]
    number: int
    value: Any
    expected: Any

    @property
    def id(self) -> str:
        return f"{self.group['id']}-{self.number:02d}"


@cache
def groups() -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = yaml.safe_load((HERE / "value_cases.yaml").read_text(encoding="utf-8"))
    return loaded


def cases() -> Iterator[Case]:
    for group in groups():
        for number, (value, expected) in enumerate(group["cases"]):
            yield Case(group, number, value, expected)


CASES = list(cases())


def _read(case: Case) -> Any:
    """What the value becomes, or `!reason`."""
    group = case.group
    if kind := group.get("identity"):
        return one("string", {"parse": kind}, case.value, privacy="pseudonym")
    return one(
        group["type"], group.get("mapping", {}), case.value, locale=group.get("locale"), **group.get("field", {})
    )


def _written(value: Any) -> Any:
    """A typed value as the table writes it."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value.normalize():f}" if value else "0"
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_value_becomes_what_the_table_says_or_is_refused(case: Case) -> None:
    found = _read(case)
    expected = case.expected
    if "identity" in case.group and expected is not None and not expected.startswith("!"):
        expected = TOKENS.token(case.group["identity"], expected)
    assert _written(found) == expected


def test_the_table_is_large_and_says_nothing_twice() -> None:
    assert len(CASES) >= 400
    said = [(case.group["id"], json.dumps(case.value)) for case in CASES]
    assert len(set(said)) == len(said)
    assert len({group["id"] for group in groups()}) == len(groups())
    refused = [case for case in CASES if isinstance(case.expected, str) and case.expected.startswith("!")]
    assert len(refused) >= 150


def test_every_identity_is_in_the_table() -> None:
    from opg_pipeline.model.crosscheck import IDENTITY_PARSES

    assert {group["identity"] for group in groups() if "identity" in group} == IDENTITY_PARSES - {"name"}


# -- the page ----------------------------------------------------------------------------------------------------------


def _told(value: Any) -> str:
    """A value in a cell of the page."""
    if value is None:
        return "no value"
    if isinstance(value, str) and value.startswith("!"):
        return f"*{value[1:]}*"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"`{text}`".replace("|", "\\|") if text else "(empty)"


def _input(value: Any) -> str:
    return f"`{json.dumps(value, ensure_ascii=False)}`".replace("|", "\\|")


def _same(expected: Any, measured: dict[str, Any]) -> bool:
    """Whether dlt loaded the same value; a value beside the typed column is none."""
    if expected is None or measured.get("value") is None:
        return expected is None and measured.get("value") is None and "beside" not in measured
    if isinstance(expected, str) and expected.startswith("!"):
        return False
    given = str(measured["value"])
    try:
        return Decimal(given) == Decimal(str(expected))
    except ArithmeticError:
        return _moment(given) == _moment(str(expected))


def _moment(text: str) -> str:
    return text.replace("T00:00:00Z", "").replace("+00:00", "Z")


def _verdict(expected: Any, measured: dict[str, Any]) -> str:
    refused = isinstance(expected, str) and expected.startswith("!")
    if "fails" in measured:
        return "load fails"
    if _same(expected, measured):
        return "same"
    if measured.get("value") is not None:
        return "loads it" if refused else "another value"
    if "beside" in measured:
        return "text beside"
    return "nothing" if refused else "lost"


VERDICTS = {
    "same": "the same value as ours",
    "text beside": "kept as text in a column of its own (`v__v_text`); the typed column is empty",
    "loads it": "loaded into the typed column, though it does not fit the declaration",
    "another value": "loaded into the typed column as another value than the source meant",
    "load fails": "the whole load fails, and nothing of any value is loaded",
    "nothing": "nothing loaded, as with us, and no reason kept",
    "lost": "nothing loaded where there is a value",
}


def page() -> str:
    """docs/parsers.md."""
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    results: dict[str, dict[str, Any]] = measured["results"]
    count = dict.fromkeys(VERDICTS, 0)
    for case in CASES:
        if case.id in results:
            count[_verdict(case.expected, results[case.id])] += 1
    lines = [
        "<!-- Generated from opg_pipeline_tests/normalise/value_cases.yaml; do not edit. -->",
        "# What the parsers make of a value",
        "",
        f"{len(CASES)} values as city apps write them, each under a declaration, and what it becomes. In *italics*: the reason of its refusal.",
        "A refused value waits in quarantine with its reason; nothing becomes another value, or none, in silence. The locale is the city's",
        "(decimal comma, points between thousands, `dd/mm/yyyy`, Asia/Jakarta) where a group says no other. Times are shown in UTC.",
        "Identities are shown in the one form from which their token is made; the identity itself is not kept.",
        "",
        "## Beside dlt",
        "",
        f"The numeric and temporal groups were also loaded with dlt {measured['dlt']} into DuckDB, with the column declared as the type named (a decimal with the same digits) and",
        "dlt's default schema contract (`python benchmarks/dlt_values.py` measures it again). dlt has no declaration of a notation or a",
        "date pattern: a text is read as Python and ISO 8601 read it, or by code that the user writes. Of the",
        f"{sum(count.values())} values:",
        "",
        "| dlt | values | meaning |",
        "| --- | ---: | --- |",
        *(f"| {name} | {number} | {VERDICTS[name]} |" for name, number in count.items() if number),
    ]
    for group in groups():
        lines += ["", f"## {group['title']}", "", _declared(group), ""]
        compared = "dlt" in group
        lines += (
            ["| input | becomes | dlt | |", "| --- | --- | --- | --- |"]
            if compared
            else ["| input | becomes |", "| --- | --- |"]
        )
        for case in (item for item in CASES if item.group is group):
            row = f"| {_input(case.value)} | {_told(case.expected)} |"
            if compared:
                result = results[case.id]
                shown = f"{_told(result['beside'])} as text" if "beside" in result else _told(result.get("value"))
                shown = "" if "fails" in result else shown
                row += f" {shown} | {_verdict(case.expected, result)} |"
            lines.append(row)
    return "\n".join(lines) + "\n"


def _declared(group: dict[str, Any]) -> str:
    if "identity" in group:
        return f"`parse: {group['identity']}`"
    parts = [f"`type: {group['type']}`"]
    parts += [f"`{name}: {json.dumps(value, ensure_ascii=False)}`" for name, value in group.get("field", {}).items()]
    parts += [f"`{name}: {json.dumps(value, ensure_ascii=False)}`" for name, value in group.get("mapping", {}).items()]
    parts += [
        f"locale `{name}: {json.dumps(value, ensure_ascii=False)}`" for name, value in group.get("locale", {}).items()
    ]
    return ", ".join(parts) + (f"; in dlt `{group['dlt']}`" if "dlt" in group else "")


def test_dlt_was_given_these_values() -> None:
    given = json.loads(MEASURED.read_text(encoding="utf-8"))["results"]
    wanted = {case.id: case.value for case in CASES if "dlt" in case.group}
    assert {name: result["input"] for name, result in given.items()} == wanted, "run benchmarks/dlt_values.py again"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m opg_pipeline_tests.normalise.test_value_cases"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
