"""Rules between an app's requests and what fills them: placeholders, parameters that records read, keys in the path.

Rules between files are in crosscheck.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from opg_pipeline.model.app import App, Dataset
from opg_pipeline.model.auth import ApiKeyAuth, LoginAuth
from opg_pipeline.model.city import City
from opg_pipeline.model.datepattern import SPELLINGS, DatePatternError, compile_pattern
from opg_pipeline.model.paths import parse_path
from opg_pipeline.model.problems import Problem
from opg_pipeline.model.yaml_source import YamlSource

PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.]*)\}")
SPECIAL_POSITIONS = ("iso", "iso_utc", "epoch_s", "epoch_ms")
"""Forms of a position that are no date patterns."""
ALWAYS = ("pulled_at",)
"""Request parameters every record can read."""


def check_requests(app: App, source: YamlSource, city: City) -> list[Problem]:
    """Every placeholder has something that fills it, and every `$name` something to read."""
    secrets = _secret_places(app)
    problems: list[Problem] = []
    for index, dataset in enumerate(app.datasets):
        at: tuple[str | int, ...] = ("datasets", index)
        known = (*dataset.parameters, *secrets)
        for where, text in _templates(dataset):
            for name in PLACEHOLDER.findall(text):
                if name not in known:
                    problems.append(
                        source.problem(
                            (*at, *where), f"Nothing fills the placeholder {{{name}}}.",
                            f"declare it under `for_each`, `paginate`, `incremental` or `auth`; known here: {_listed(known)}.",
                        )
                    )  # fmt: skip
        for auth in app.source.auth:
            if isinstance(auth, ApiKeyAuth) and auth.in_ == "path" and f"{{{auth.name}}}" not in dataset.path:
                problems.append(
                    source.problem(
                        (*at, "path"), f"The key {auth.name!r} goes into the path, which has no place for it.",
                        f"write {{{auth.name}}} where it stands.",
                    )
                )  # fmt: skip
        problems += [*_check_body(app, dataset, source, at), *_check_position(dataset, source, at)]
        readable = (*dataset.parameters, *ALWAYS)
        for where, path in _paths(dataset):
            name = parse_path(path).param
            if name is not None and name not in readable:
                problems.append(
                    source.problem(
                        (*at, *where), f"There is no request parameter {name!r} to read as {path!r}.",
                        f"known: {_listed(readable)}; quote a key that begins with $.",
                    )
                )  # fmt: skip
        for name, each in dataset.for_each.params.items() if dataset.for_each is not None else ():
            if each.regions is not None and city.regions is None:
                problems.append(
                    source.problem(
                        (*at, "for_each", "params", name), f"City {city.id!r} declares no regions.",
                        "add `regions` to city.yaml, or write the `values` out.",
                    )
                )  # fmt: skip
    return problems


def _check_body(app: App, dataset: Dataset, source: YamlSource, at: tuple[str | int, ...]) -> list[Problem]:
    """A secret that goes into the body finds one: a GET has none, and a literal one needs a place for it."""
    problems: list[Problem] = []
    for name in _secrets_in(app, "body"):
        what = f"{name!r} of `auth` goes into the body, which "
        if dataset.method == "GET":
            problems.append(
                source.problem(
                    (*at, "method"), f"{what}a GET does not have.",
                    "declare `method: POST` with `form`, `json` or `body`, or another `in` under `auth`.", absent="method",
                )
            )  # fmt: skip
        elif dataset.body is not None and f"{{{name}}}" not in dataset.body:
            problems.append(
                source.problem((*at, "body"), f"{what}has no place for it.", f"write {{{name}}} where it stands.")
            )
    return problems


def _check_position(dataset: Dataset, source: YamlSource, at: tuple[str | int, ...]) -> list[Problem]:
    """The patterns of the position mean something, and the one that is written writes days, not quarters."""
    declared = dataset.incremental
    problems: list[Problem] = []
    if declared is None:
        return problems
    for name in ("format", "param_format"):
        pattern = getattr(declared, name)
        if pattern is None or pattern in SPECIAL_POSITIONS:
            continue
        here = (*at, "incremental", name)
        try:
            period = compile_pattern(pattern).period
        except DatePatternError as error:
            problems.append(source.problem(here, f"{error}.", f"use {SPELLINGS}."))
            continue
        if period is not None and (name == "param_format" or declared.param_format is None):
            what = f"A position cannot be written as a {period}, which {pattern!r} has."
            problems.append(source.problem(here, what, "give a `param_format` of days, months or years."))
    return problems


def _secret_places(app: App) -> tuple[str, ...]:
    return (*_secrets_in(app, "path"), *_secrets_in(app, "body"))


def _secrets_in(app: App, place: str) -> tuple[str, ...]:
    """Names under which secrets, and tokens that a login gives, are shown in the `path` or the `body`."""
    named = [
        (auth.in_, auth.name) if isinstance(auth, ApiKeyAuth) else (auth.show.in_, auth.show.name)
        for auth in app.source.auth
        if isinstance(auth, ApiKeyAuth | LoginAuth)
    ]
    return tuple(name for where, name in named if where == place and name is not None)


def _templates(dataset: Dataset) -> Iterator[tuple[tuple[str, ...], str]]:
    yield ("path",), dataset.path
    for key, value in dataset.query.items():
        yield ("query", key), str(value)
    for key, value in (dataset.form or {}).items():
        yield ("form", key), str(value)


def _paths(dataset: Dataset) -> Iterator[tuple[tuple[str, ...], str]]:
    for path in dataset.key_paths:
        yield ("key",), path
    for name, mapping in dataset.fields.items():
        for path in mapping.paths:
            yield ("fields", name), path
    for path in dataset.region.paths if dataset.region is not None else ():
        yield ("region",), path


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(sorted(names)) or "none"
