"""`opg privacy`: the seal, the time and the log of payloads, erasure of a person, another key. The work is in defs."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from opg_pipeline.cli.terminal import Json, fail, out, print_json, settings

if TYPE_CHECKING:
    from opg_pipeline.defs.erase import Found, Subject

app_group = typer.Typer(no_args_is_help=True)


@app_group.command()
def seal(json: Json = False) -> None:
    """Encrypt raw answers and quarantined records that lie open, with OPG_ARCHIVE_KEY; with OPG_ARCHIVE_KEY_OLD also what was sealed with that key."""
    settings()
    from opg_pipeline.defs.deployment import DeploymentError, current_deployment
    from opg_pipeline.defs.privacy import FORMER_KEY
    from opg_pipeline.defs.privacy import seal as sealed

    try:
        found = sealed(current_deployment())
    except DeploymentError as error:
        fail(str(error), 2)
    failed = sum(item.failed for item in found)
    if json:
        print_json([asdict(item) for item in found])
    else:
        table = Table("Dataset", title="Sealed", title_justify="left")
        for name in ("Raw", "Quarantine", "Sealed before", "No key opens"):
            table.add_column(name, justify="right")
        for item in found:
            numbers = (item.raw, item.quarantine, item.already, item.failed)
            table.add_row(item.dataset, *(f"{n:,}" for n in numbers), style="red" if item.failed else "")
        out.print(table)
    if failed:
        fail(f"{failed:,} files are sealed with another key. Set {FORMER_KEY} to it and seal again.")


@app_group.command()
def purge(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what is over its time.")] = False,
    json: Json = False,
) -> None:
    """Remove raw answers and quarantined records older than `payload_days` of the city or app. What was loaded stays; the purge is noted."""
    settings()
    from opg_pipeline.defs.deployment import DeploymentError, current_deployment
    from opg_pipeline.defs.privacy import expired
    from opg_pipeline.defs.privacy import purge as purged
    from opg_pipeline.lake import LakeError

    try:
        found = (expired if dry_run else purged)(current_deployment())
    except DeploymentError as error:
        fail(str(error), 2)
    except LakeError as error:
        fail(str(error))
    if json:
        print_json({"removed": not dry_run, "datasets": [asdict(item) for item in found]})
        return
    if not found:
        out.print("Nothing is over its time.")
        return
    table = Table("Dataset", "Pulled before", title="Would be removed" if dry_run else "Removed", title_justify="left")
    for name in ("Slices", "Raw files", "Quarantine files", "Bytes", "Still needed"):
        table.add_column(name, justify="right")
    for item in found:
        numbers = (item.slices, len(item.raw), len(item.quarantine), item.bytes, item.held)
        table.add_row(f"{item.app}/{item.dataset}", f"{item.before:%Y-%m-%d}", *(f"{n:,}" for n in numbers))
    out.print(table)


@app_group.command()
def erase(
    why: Annotated[
        str, typer.Option("--why", help="Why, for the log: the number of the request, never whom it is about.")
    ],
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            help="What kind of identity is typed in or piped in: nik, no_kk, npwp, nip, nisn, nop, plate, phone, email, account, identifier.",
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            "--token", help="The token instead, as records have it. Answers are then found through records alone."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be erased.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Erase one person: from raw answers, standard records, quarantine, core and its history. The identity is asked for, so that it
    stands in no list of commands. What a source still holds comes back with its next pull, so ask the app to erase first."""  # fmt: skip
    settings()
    from opg_pipeline.defs.deployment import DeploymentError, current_deployment
    from opg_pipeline.defs.erase import erase as erased
    from opg_pipeline.defs.erase import find
    from opg_pipeline.defs.repair import publish_now
    from opg_pipeline.lake import LakeError

    subject = _subject(kind, token)
    try:
        deployment = current_deployment()
        found = find(deployment, subject, why)
        held = any(found)
        if not json:
            _show_found(found, held, dry_run)
        done = held and not dry_run
        if done and not (yes or (sys.stdin.isatty() and typer.confirm("Erase this? It cannot be undone."))):
            fail("Nothing was erased. Say --yes to erase without being asked.")
        if done:
            erased(deployment, subject, found, why)
    except DeploymentError as error:
        fail(str(error), 2)
    except LakeError as error:
        fail(f"{error} Nothing more was erased; mend this and erase again.")
    # Also where nothing is left in the lake: an erasure that was cut off may have left core as it was.
    published = dry_run or publish_now("erase")
    if json:
        print_json(
            {"erased": done, "published": published and not dry_run, "datasets": [asdict(item) for item in found]}
        )
    if not published:
        fail(
            "The lake no longer holds the person, core and the numbers still do: publish failed. Mend that and erase again; see `opg ui`."
        )
    if done and not json:
        out.print(
            "Erased, and core and the numbers made anew. Backups of the lake and the warehouse are not reached from here."
        )


def _subject(kind: str | None, token: str | None) -> Subject:
    from opg_pipeline.defs.erase import Subject
    from opg_pipeline.normalise.person import KINDS, Person

    if (kind is None) == (token is None):
        fail("Say either --kind or --token.", 2)
    if token is not None:
        return Subject(None, token)
    if kind not in KINDS:
        more = " A name is not one person's alone: others would be erased with them." if kind == "name" else ""
        fail(f"There is no identity {kind!r} to erase by.{more} Known: {', '.join(KINDS)}.", 2)
    typed = typer.prompt(kind, hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()
    try:
        return Subject(Person(kind, typed))
    except ValueError as error:
        fail(str(error), 2)


def _counted(records: int, waiting: int, raw: int) -> str:
    return f"{records:,} records, {waiting:,} waiting entries, {raw:,} raw answers"


def _show_found(found: list[Found], held: bool, dry_run: bool) -> None:
    if not held:
        out.print("Nothing of this person is in the lake.")
    else:
        table = Table("Dataset", title="Would be erased" if dry_run else "To be erased", title_justify="left")
        for name in ("Records, all versions", "Waiting", "Raw answers, whole"):
            table.add_column(name, justify="right")
        for item in found:
            if item:
                table.add_row(
                    f"{item.app}/{item.dataset}", *(f"{n:,}" for n in (item.records, item.waiting, len(item.raw)))
                )
        out.print(table)
    for item in found:
        if item.closed:
            out.print(
                f"{item.app}/{item.dataset}: {item.closed:,} answers are locked with a password and were not looked through.",
                style="yellow",
            )


@app_group.command(name="rotate-key")
def rotate_key(json: Json = False) -> None:
    """Make everything again from the raw answers with another pseudonym key: a new one takes the place of the one in $OPG_HOME, or,
    where OPG_PSEUDONYM_KEY is set, with that one. Tokens of the former key are then nowhere in the lake, core or its history."""  # fmt: skip
    settings()
    from opg_pipeline.defs.deployment import DeploymentError, current_deployment
    from opg_pipeline.defs.repair import publish_now
    from opg_pipeline.defs.rotate import rotate
    from opg_pipeline.lake import LakeError

    try:
        found = rotate(current_deployment())
    except DeploymentError as error:
        fail(str(error), 2)
    except LakeError as error:
        fail(str(error))
    if found.stuck:
        names = sorted({f"{item.app}/{item.dataset}" for item in found.stuck})
        fail(
            f"{len(found.stuck):,} of {found.slices:,} slices cannot be made again, so their records would keep tokens of the former key and "
            f"no longer be known as the same ones: {', '.join(names)}. First: {found.stuck[0].message}. Nothing was changed. Bring the "
            "answers back from a backup, or go on with the key that is."
        )
    published = publish_now("rotate-key")
    if json:
        print_json(
            {
                "slices": found.slices,
                "replaced": len(found.replaced),
                "made_key": found.made_key,
                "published": published,
            }
        )
    else:
        key = (
            "A new key stands in $OPG_HOME/pseudonym.key: back it up."
            if found.made_key
            else "The key is OPG_PSEUDONYM_KEY."
        )
        out.print(f"{len(found.replaced):,} of {found.slices:,} slices have other tokens now. {key}")
    if not published:
        fail("Core still has tokens of the former key: publish failed. See `opg ui`, and run `opg run`.")


@app_group.command()
def log(json: Json = False) -> None:
    """Who looked at raw answers and quarantined records, when and why; and what was removed or erased."""
    settings()
    from opg_pipeline.defs.deployment import DeploymentError, current_deployment
    from opg_pipeline.defs.privacy import log as logged

    try:
        looks, purges, erasures = logged(current_deployment())
    except DeploymentError as error:
        fail(str(error), 2)
    if json:
        print_json(
            {"accesses": [*map(asdict, looks)], "purges": [*map(asdict, purges)], "erasures": [*map(asdict, erasures)]}
        )
        return
    told = [(item.at, item.who, item.what, item.why) for item in looks]
    told += [
        (item.at, item.who, f"removed {item.raw:,} raw files and the payloads of {item.quarantine:,} quarantine files of {item.dataset}", f"pulled before {item.before:%Y-%m-%d}")
        for item in purges
    ]  # fmt: skip
    told += [
        (item.at, item.who, f"erased a person: {_counted(item.records, item.waiting, item.raw)} of {', '.join(item.datasets)}", item.why)
        for item in erasures
    ]  # fmt: skip
    if not told:
        out.print("Nobody has looked at a payload, and none was removed.")
        return
    table = Table("When", "Who", "What", "Why", title="Looks at payloads, and their end", title_justify="left")
    for at, who, what, why in sorted(told):
        table.add_row(f"{at.astimezone():%Y-%m-%d %H:%M}", who, what, why)
    out.print(table)
