"""`opg app probe | new | preview | test`: an app's way into the catalogue. Asks people and prints; the work is in defs and probe."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import orjson
import typer
from rich.table import Table

from opg_pipeline.cli.terminal import Json, SandboxFlag, err, fail, out, print_json, sandbox_city, settings

if TYPE_CHECKING:
    from opg_pipeline.defs.deployment import Deployment
    from opg_pipeline.defs.survey import Target
    from opg_pipeline.probe.draft import Question, Survey

app_group = typer.Typer(no_args_is_help=True, add_completion=False)
_Result = TypeVar("_Result")

Auth = Annotated[
    list[str] | None,
    typer.Option(
        "--auth",
        help="header:NAME=ENV, query:NAME=ENV, bearer:ENV or basic:USER_ENV:PASSWORD_ENV. ENV is the name of a variable.",
    ),
]
Out = Annotated[Path | None, typer.Option("--out", help="File of the draft; without it, it is printed.")]
Yes = Annotated[bool, typer.Option("--yes", help="Ask nothing: what is open stays in the draft as `# ASK:`.")]
Agency = Annotated[str | None, typer.Option("--agency", help="Agency of city.yaml that runs the app.")]
Function = Annotated[str | None, typer.Option("--urusan", help="Government function, such as 2.16.")]
Kind = Annotated[str | None, typer.Option("--category", help="Standard category of the records.")]
Id = Annotated[str | None, typer.Option("--id", help="Identifier of the app; default: from its address.")]


@app_group.command()
def probe(
    url: Annotated[
        str | None, typer.Argument(help="Address of a list of the app; with --openapi or --har it may be left out.")
    ] = None,
    auth: Auth = None,
    openapi: Annotated[
        str | None, typer.Option(help="OpenAPI 3 or Swagger 2 description: a file, or an address.")
    ] = None,
    har: Annotated[Path | None, typer.Option(help="HAR file that a browser has saved.")] = None,
    app_id: Id = None,
    agency: Agency = None,
    urusan: Function = None,
    category: Kind = None,
    target_file: Out = None,
    yes: Yes = False,
    rate: Annotated[float, typer.Option(help="Most requests a second.")] = 5.0,
    sandbox: SandboxFlag = False,
) -> None:
    """Ask an app a few times, find out what it gives, and write the draft of its manifest."""
    if url is None and openapi is None and har is None:
        fail("Give an address, --openapi or --har.", 2)
    _free(target_file)
    auths = [_auth(item) for item in auth or []]
    said = {name: value for name, value in (("agency", agency), ("urusan", urusan), ("category", category)) if value}
    settings()
    with sandbox_city(sandbox):
        from opg_pipeline.defs.survey import survey

        deployment = _deployment()
        target = _run(_target(deployment, url, auths, openapi, har, app_id, rate, ask=not yes))
        found = _run(survey(deployment, target))
        _write(deployment, found, said, target_file, ask=not yes)


@app_group.command()
def new(
    app_id: Annotated[str | None, typer.Argument(help="Identifier of the app, such as e_lapor.")] = None,
    url: Annotated[str | None, typer.Option(help="Address of a list of the app, if it can be asked.")] = None,
    auth: Auth = None,
    agency: Agency = None,
    urusan: Function = None,
    category: Kind = None,
    target_file: Out = None,
    yes: Yes = False,
    sandbox: SandboxFlag = False,
) -> None:
    """Write the draft of a manifest by questions in the terminal; with an address the app is asked too."""
    if app_id is None:
        if yes:
            fail("Give the identifier of the app, such as `opg app new e_lapor --yes`.", 2)
        app_id = typer.prompt("Identifier of the app (small letters, digits, _)")
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,62}", app_id):
        fail(f"{app_id!r} is no identifier: small letters, digits and _, beginning with a letter.", 2)
    said = {name: value for name, value in (("agency", agency), ("urusan", urusan), ("category", category)) if value}
    chosen = settings()
    if target_file is None:
        if chosen.catalog is None:
            fail("Say where: --out FILE, or OPG_CATALOG=<a folder of your own>.", 2)
        target_file = chosen.catalog / "cities" / chosen.city / "apps" / f"{app_id}.yaml"
    _free(target_file)
    if url is None and not yes:
        url = typer.prompt("Address of a list of the app (empty: none)", default="", show_default=False) or None
    if url is not None:
        probe(url, auth, None, None, app_id, agency, urusan, category, target_file, yes, 5.0, sandbox)
        return
    from opg_pipeline.defs.survey import unasked

    deployment = _deployment()
    _write(
        deployment, unasked(deployment, app_id, [_auth(item) for item in auth or []]), said, target_file, ask=not yes
    )


@app_group.command()
def preview(
    app_id: Annotated[str, typer.Argument(help="Identifier of the app.")],
    rows: Annotated[int, typer.Option(min=1, max=500, help="Records to show.")] = 20,
    sandbox: SandboxFlag = False,
    json: Json = False,
) -> None:
    """Pull one page and show it raw beside standard, with what is refused and why. Nothing is stored."""
    settings()
    with sandbox_city(sandbox):
        from opg_pipeline.defs.survey import read_synonyms
        from opg_pipeline.defs.trial import datasets_of, rows_of, try_dataset

        deployment = _deployment()
        names = dict(read_synonyms(deployment).personal)
        shown: list[dict[str, Any]] = []
        failed = False
        for ref in _known(lambda: datasets_of(deployment, app_id)):
            trial = _run(try_dataset(deployment, ref, suite=False))
            broken = next((step for step in trial.steps if not step.good and step.name != "mapped"), None)
            failed = failed or broken is not None
            found = rows_of(ref, trial, rows, names)
            if json:
                failure = None if broken is None else asdict(broken)
                shown.append({"dataset": ref.name, "rows": [asdict(row) for row in found], "failed": failure})
                continue
            table = Table("#", f"{ref.name}, as it came", f"as {ref.category.id}", "refused", show_lines=True)
            for number, row in enumerate(found, start=1):
                refused = [f"{item['field']}: {item['reason']} ({item['looks_like']})" for item in row.rejects]
                standard = _lines(row.standard) if row.standard is not None else "waits in quarantine"
                table.add_row(str(number), _lines(row.raw), standard, "\n".join(refused))
            out.print(table, markup=False)
            if broken is not None:
                out.print(
                    f"{broken.name}: {broken.message}. Fix: {broken.hint}",
                    style="red",
                    highlight=False,
                    markup=False,
                    soft_wrap=True,
                )
        if json:
            print_json(shown)
    raise typer.Exit(int(failed))


@app_group.command("test")
def try_app(
    app_id: Annotated[str, typer.Argument(help="Identifier of the app.")],
    sandbox: SandboxFlag = False,
    json: Json = False,
) -> None:
    """Put one page through every stage and say of each how it went. Nothing is stored."""
    settings()
    with sandbox_city(sandbox):
        from opg_pipeline.defs.trial import datasets_of, try_dataset

        deployment = _deployment()
        trials = [_run(try_dataset(deployment, ref)) for ref in _known(lambda: datasets_of(deployment, app_id))]
    good = all(trial.good for trial in trials)
    if json:
        print_json(
            [
                {"dataset": trial.dataset, "good": trial.good, "steps": [asdict(step) for step in trial.steps]}
                for trial in trials
            ]
        )
    else:
        for trial in trials:
            out.print(trial.dataset, style="bold", highlight=False, markup=False)
            for step in trial.steps:
                fix = f" Fix: {step.hint}" if step.hint else ""
                text = f"  {'ok  ' if step.good else 'FAIL'} {step.name}: {step.message}.{fix}"
                out.print(text, style=None if step.good else "red", highlight=False, markup=False, soft_wrap=True)
        out.print("All well; nothing was stored." if good else "Not well; nothing was stored.", highlight=False)
    raise typer.Exit(int(not good))


def _deployment() -> Deployment:
    from opg_pipeline.defs.deployment import current_deployment

    deployment = current_deployment()
    _known(lambda: deployment.city)
    return deployment


def _known(make: Any) -> Any:
    """What ``make`` gives; a deployment that is set up wrongly, or an app that is not there, ends the command."""
    from opg_pipeline.defs.deployment import DeploymentError

    try:
        return make()
    except DeploymentError as error:
        fail(str(error), 2)


def _run(work: Coroutine[Any, Any, _Result]) -> _Result:
    """The result of ``work``; what an app does, and what is set wrongly, end the command with a message."""
    from opg_pipeline.defs.deployment import DeploymentError
    from opg_pipeline.model.handover import PullError
    from opg_pipeline.settings import SecretMissing

    try:
        return asyncio.run(work)
    except PullError as error:
        fail(f"{error.what}. Fix: {error.hint}")
    except SecretMissing as error:
        fail(f"{error} Fix: set it in the environment or in $OPG_HOME/secrets.env.")
    except DeploymentError as error:
        fail(str(error), 2)


def _auth(text: str) -> dict[str, str]:  # noqa: RET503 - fail() does not return
    """One `--auth`. Names of variables alone: a value would stand in the shell's history."""
    kind, _, rest = text.partition(":")
    name, _, variable = rest.partition("=")
    env = r"[A-Z][A-Z0-9_]*"
    if kind in {"header", "query"} and name and re.fullmatch(env, variable):
        return {"type": "api_key", "in": kind, "name": name, "secret": variable}
    if kind == "bearer" and re.fullmatch(env, rest):
        return {"type": "bearer", "secret": rest}
    user, _, password = rest.partition(":")
    if kind == "basic" and re.fullmatch(env, user) and re.fullmatch(env, password):
        return {"type": "basic", "username": user, "password": password}
    fail(
        "--auth takes header:NAME=ENV, query:NAME=ENV, bearer:ENV or basic:USER_ENV:PASSWORD_ENV, where ENV is the NAME of a "
        "variable in capital letters, never a secret.", 2,
    )  # fmt: skip


async def _target(
    deployment: Deployment, url: str | None, auths: list[dict[str, str]], openapi: str | None, har: Path | None, app_id: str | None,
    rate: float, *, ask: bool,
) -> Target:  # fmt: skip
    from opg_pipeline.defs.described import from_har, from_openapi
    from opg_pipeline.defs.survey import Target

    if openapi is not None:
        found = await from_openapi(deployment, openapi, url)
    elif har is not None:
        found = from_har(har, url)
    else:
        found = [Target(url or "")]
    chosen = found[0]
    if len(found) > 1:
        for number, item in enumerate(found[:20], start=1):
            err.print(
                f"  {number}. {item.method} {item.url.partition('?')[0]}", highlight=False, markup=False, soft_wrap=True
            )
        chosen = found[_choose("Which of the lists?", len(found[:20])) if ask else 0]
    from dataclasses import replace

    return replace(chosen, id=app_id or chosen.id, auth=auths or chosen.auth, requests_per_second=rate)


def _choose(text: str, count: int) -> int:
    """The place, from 0, of what a person takes of ``count`` things."""
    while True:
        told: int = typer.prompt(text, type=int, default=1, err=True)
        if 1 <= told <= count:
            return told - 1
        err.print(f"Write a number from 1 to {count}.", highlight=False)


def _free(target_file: Path | None) -> None:
    """End the command where a draft would replace what somebody has written."""
    if target_file is not None and target_file.exists():
        fail(
            f"{target_file} is there already, and a draft would replace it. Name another with --out, or move it away.",
            2,
        )


def _write(deployment: Deployment, found: Survey, said: dict[str, Any], target_file: Path | None, *, ask: bool) -> None:
    from opg_pipeline.model.schema import json_schema
    from opg_pipeline.probe.draft import SCHEMA, draft, questions

    agencies = {agency.id: agency.name for agency in deployment.city.city.agencies}
    urusan = {item.urusan_code: item.name_en for item in deployment.catalog.urusan}
    for name, known in (("agency", agencies), ("urusan", urusan), ("category", deployment.catalog.categories)):
        if name in said and said[name] not in known:
            fail(f"--{name} {said[name]}: there is none such. Known: {', '.join(known)}.", 2)
    asked = [item for item in questions(found, agencies, urusan) if item.key not in said]
    answers = dict(said)
    if ask:
        for question in asked:
            answer = _answer(question)
            if answer is not None:
                answers[question.key] = answer
    open_questions = [question for question in asked if question.key not in answers]
    text = draft(found, answers, schema=None if target_file is None else SCHEMA)
    if target_file is None:
        sys.stdout.write(text)
    else:
        target_file.parent.mkdir(parents=True, exist_ok=True)
        target_file.write_text(text, encoding="utf-8")
        (target_file.parent / SCHEMA).write_bytes(orjson.dumps(json_schema("app"), option=orjson.OPT_INDENT_2))
    asks = text.count("# ASK")
    err.print(
        f"{found.records:,} records seen in {found.requests} request{'s' if found.requests != 1 else ''}; {len(found.columns)} columns, "
        f"{sum(bool(column.personal) for column in found.columns)} of them personal.",
        highlight=False,
    )  # fmt: skip
    for question in open_questions:
        err.print(f"Open: {question.text}", highlight=False, markup=False, soft_wrap=True)
    if target_file is not None:
        err.print(
            f"Draft: {target_file} ({asks} times ASK). Next: read it, `opg check`, `opg app preview {found.id}`, `opg app test {found.id}`, "
            "then set `status: active`.", highlight=False, markup=False, soft_wrap=True,
        )  # fmt: skip


def _answer(question: Question) -> Any:
    """What a person says; None where they leave it open."""
    _say(question.text)
    choices = list(question.choices)
    short = len(choices) <= 8
    listed = [f"{choice}  {question.names[choice]}" if choice in question.names else choice for choice in choices]
    if short:
        for number, line in enumerate(listed, start=1):
            _say(f"  {number}. {line}")
    while True:
        asked = "Number (empty: leave it open)" if short else "Its id or code (?: show all; empty: leave it open)"
        told = typer.prompt(asked, default="", show_default=False, err=True).strip()
        if not told:
            return None
        if short and told.isdigit() and 1 <= int(told) <= len(choices):
            told = choices[int(told) - 1]
        if told in question.choices:
            meant = question.choices[told]
            return told if meant is None else meant
        if told != "?":
            _say("There is none such. Known:")
        for line in listed:
            _say(f"  {line}")


def _say(text: str) -> None:
    err.print(text, highlight=False, markup=False, soft_wrap=True)


def _lines(values: dict[str, Any]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in values.items() if value not in (None, ""))
