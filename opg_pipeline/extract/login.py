"""The calls that open a door, and what is read from their answers: hidden inputs, tokens. Sends nothing and keeps no state.

When a door is opened, and renewed, is doors.py's. No message here quotes an answer: it holds tokens.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote_plus

import orjson
from lxml import etree
from lxml import html as lxml_html

from opg_pipeline.extract.access import basic_pair
from opg_pipeline.extract.address import Call, below
from opg_pipeline.extract.xmltree import read_xml
from opg_pipeline.model.auth import LoginAuth, OAuth2Auth
from opg_pipeline.model.handover import Outcome, PullError
from opg_pipeline.model.paths import follow, kind, parse_path

_BOM = b"\xef\xbb\xbf"
_LONGEST_TOKEN = 16_384


def oauth2_call(auth: OAuth2Auth, base_url: str, secrets: Mapping[str, str]) -> Call:
    """The token request of RFC 6749, 4.4. In the header, id and secret are encoded as its section 2.3.1 wants it."""
    client, secret = secrets[auth.client_id], secrets[auth.client_secret]
    form = [("grant_type", "client_credentials")]
    if auth.scope is not None:
        form.append(("scope", auth.scope))
    headers: list[tuple[str, str]] = [("Accept", "application/json")]
    if auth.client_in == "body":
        form += [("client_id", client), ("client_secret", secret)]
    else:
        headers.append(("Authorization", f"Basic {basic_pair(quote_plus(client), quote_plus(secret))}"))
    return Call("POST", below(base_url, auth.token_path), form=tuple(form), headers=tuple(headers))


def oauth2_token(body: bytes) -> tuple[str, float | None]:
    """Token and lifetime in seconds (None where it is not said) in a token answer. Raises PullError AUTH_FAILED."""
    document = _json(body)
    if not isinstance(document, dict):
        raise _failed("the token answer is no JSON object", "check `token_path`.")
    scheme = document.get("token_type", "bearer")
    if not isinstance(scheme, str) or scheme.lower() != "bearer":
        raise _failed("the token is of a type other than bearer", "declare `type: login` for this source.")
    token = _usable(document.get("access_token"), "access_token")
    lasts = document.get("expires_in")
    if isinstance(lasts, str) and re.fullmatch(r"\d{1,9}", lasts.strip()):
        lasts = int(lasts)
    if lasts is None:
        return token, None
    if isinstance(lasts, bool) or not isinstance(lasts, int | float):
        raise _failed(f"`expires_in` of the token answer is {kind(lasts)}", "tell the source's operator.")
    return token, float(lasts)


def login_call(
    auth: LoginAuth, base_url: str, secrets: Mapping[str, str], carried: Mapping[str, str], page_url: str | None
) -> Call:
    """The login itself. Carried values go where `{name}` stands, else into form or JSON under their names."""
    assert auth.path is not None
    form = None if auth.form is None else tuple(auth.form.items())
    json = None if auth.json_ is None else orjson.dumps(auth.json_)
    body = None if auth.body is None else auth.body.encode()
    headers = (("Referer", page_url),) if page_url is not None else ()
    call = Call("POST", below(base_url, auth.path), form, body, auth.content_type, json, headers)
    fields = {name: value for name, value in carried.items() if body is None and not call.stands(name)}
    places = {name: value for name, value in carried.items() if name not in fields}
    return call.with_params(fields).filled({**places, **{name: secrets[env] for name, env in auth.secrets.items()}})


def page_values(body: bytes, names: Sequence[str]) -> dict[str, str]:
    """The values of the inputs, or else meta tags, ``names`` of a page. Raises PullError AUTH_FAILED naming one that is missing."""
    if not names:
        return {}
    document = _html(body)
    found: dict[str, str] = {}
    for name in names:
        value = None if document is None else _named(document, name)
        if value is None:
            raise _failed(
                f"the page has no input or meta tag {name!r}", "open the page in a browser, and correct `carry`."
            )
        found[name] = value
    return found


def asks_password(body: bytes) -> bool:
    """Whether the answer is a page with a field for a password: a login that was not accepted."""
    if not _is_html(body):
        return False
    document = _html(body)
    return document is not None and any(
        str(field.get("type", "")).lower() == "password" for field in document.iter("input")
    )


def token_in(body: bytes, path: str) -> str:
    """The token at ``path`` of a JSON or XML answer, or in the input or meta tag of that name of an HTML page.

    Raises PullError AUTH_FAILED where there is none that can be sent.
    """
    if _is_html(body):
        document = _html(body)
        return _usable(None if document is None else _named(document, path), path)
    if body.removeprefix(_BOM).lstrip()[:1] == b"<":
        try:
            tree: Any = read_xml(body)
        except PullError:
            raise _failed("the answer is XML that cannot be read", "look at it in a browser.") from None
    else:
        tree = _json(body)
    value = follow(tree, parse_path(path).steps)
    if isinstance(value, dict):
        value = value.get("#text")
    return _usable(value, path)


def _usable(value: Any, path: str) -> str:
    if value is None or value == "":
        raise _failed(f"the answer holds no token at `{path}`", "check the secrets, and where the token stands.")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _failed(f"at `{path}` stands {kind(value)}, not a token", "correct where the token stands.")
    token = str(value).strip()
    if not token or len(token) > _LONGEST_TOKEN or any(ord(sign) < 32 or ord(sign) == 127 for sign in token):
        raise _failed(f"the text at `{path}` cannot be sent as a token", "correct where the token stands.")
    return token


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body.removeprefix(_BOM))
    except orjson.JSONDecodeError:
        raise _failed(
            "the answer that should hold the token is neither JSON nor XML nor a web page", "check the address."
        ) from None


def _is_html(body: bytes) -> bool:
    start = body[:1024].removeprefix(_BOM).lstrip().lower()
    return start.startswith((b"<!doctype html", b"<html")) or (start.startswith(b"<") and b"<html" in start)


def _html(body: bytes) -> Any:
    """The page as a tree; None for an empty one."""
    try:
        return lxml_html.document_fromstring(body, parser=lxml_html.HTMLParser(no_network=True, huge_tree=False))
    except (etree.ParserError, ValueError):
        return None


def _named(document: Any, name: str) -> str | None:
    for tag, attribute in (("input", "value"), ("meta", "content")):
        for element in document.iter(tag):
            if element.get("name") == name:
                return str(element.get(attribute) or "")
    return None


def _failed(what: str, hint: str) -> PullError:
    return PullError(Outcome.AUTH_FAILED, what, hint)
