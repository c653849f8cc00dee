"""`opg trace`: the way of a published number or of one record, down to the request and the line of the declaration. The work is in defs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from opg_pipeline.cli.terminal import Json, fail, out, print_json, settings


def trace(
    measure: Annotated[
        str | None, typer.Argument(help="Measure, such as requests or service_request.requests.")
    ] = None,
    record: Annotated[
        str | None, typer.Option("--record", metavar="UID", help="A record_uid in place of a measure.")
    ] = None,
    region: Annotated[str | None, typer.Option("--region", help="Code or name; the whole city if not given.")] = None,
    period: Annotated[
        str | None, typer.Option("--period", help="2026, 2026-Q1, 2026-01 or 2026-01-31; the newest if not given.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many records to show of each cell.")] = 10,
    json: Json = False,
) -> None:
    """Follow a published number to its records, pulls, raw answers, requests and declarations; or one record to the numbers it is in."""
    settings()
    if (measure is None) == (record is None):
        fail("Give a measure, or --record UID.", 2)
    from opg_pipeline.defs.deployment import DeploymentError, current_deployment
    from opg_pipeline.defs.trace import trace_measure, trace_record

    try:
        if record is not None:
            way = trace_record(current_deployment(), record)
            print_json(way) if json else _record(way)
            return
        assert measure is not None
        cells = trace_measure(current_deployment(), measure, region, period, limit)
    except DeploymentError as error:
        fail(str(error))
    if json:
        print_json(cells)
        return
    for item in cells:
        _cell(item)


def _print(text: str) -> None:
    out.print(text, highlight=False, markup=False, soft_wrap=True)


def _cell(item: dict[str, Any]) -> None:
    cell = item["cell"]
    named = " ".join(part for part in (cell["measure_id"], cell["breakdown"], "in", cell["region_name"], "from", str(cell["period_start"])) if part)  # fmt: skip
    if cell["suppressed"]:
        _print(f"{named}: hidden, to protect small groups. There is no way down from it.")
        return
    _print(f"{named}: {cell['value']:,.6g} {cell['unit']}, of {cell['n']:,} records")
    for way in item["records"]:
        _way(way)
    if len(item["records"]) < cell["n"]:
        _print(f"  {cell['n'] - len(item['records']):,} more; --limit shows them.")


def _record(way: dict[str, Any]) -> None:
    _print(f"core.{way['record']['category_id']}, {way['record']['event_on']}")
    _way(way)
    for cell in way["cells"]:
        _print(
            f"  counted in {cell['measure_id']} {cell['breakdown']} {cell['region_code']} from {cell['period_start']}"
        )
    if not way["cells"]:
        _print("  counted in no published cell.")


def _way(way: dict[str, Any]) -> None:
    record, answer = way["record"], way["answer"]
    _print(f"  {record['record_uid']}  {record['source_app']}/{record['source_dataset']}  {record['source_record_id']}")
    _print(f"    pull     {record['lineage_batch_id']}  {way['slice'].get('committed_at', '')}")
    asked = (
        f"{answer['method']} {answer['url']}  (answer {answer['page']}, HTTP {answer['status']})"
        if answer
        else "not kept of this pull"
    )
    _print(f"    request  {asked}")
    _print(f"    raw      {way['raw']}")
    _print(f"    declared {way['declared'] or 'no longer in the catalogue'}")
