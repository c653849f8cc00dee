"""A source behind a door, and how tests ask it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import pytest

from opg_pipeline.extract.address import Call
from opg_pipeline.model.handover import PullError, PullFacts
from opg_pipeline_tests.extract.conftest import Server, transport

USER, PASSWORD = "petugas {dinas}", 'p&"<s>w0rd/ké+y'
SECRETS = {"APP_USER": USER, "APP_PW": PASSWORD}
NAMES = {"user": "APP_USER", "pw": "APP_PW"}


@dataclass
class House:
    """A source behind a door: gives keys that are good for ``uses`` calls, and knows what came."""

    server: Server
    uses: int = 1000
    keys: dict[str, int] = field(default_factory=dict)
    opened: int = 0
    """How many keys it gave."""

    def key(self) -> str:
        self.opened += 1
        token = f"kunci-nomor-{self.opened:04}"
        self.keys[token] = self.uses
        return token

    def good(self, token: str | None) -> bool:
        left = self.keys.get(token or "", 0)
        self.keys[token or ""] = left - 1
        return left > 0

    def form(self) -> dict[str, str]:
        return {name: value[0] for name, value in parse_qs(self.server.asked[-1].body.decode()).items()}


async def ask(
    url: str, source: dict[str, Any], *, calls: int = 1, together: bool = False, secrets: dict[str, str] | None = None
) -> PullFacts:
    """Ask for /things that often, one after the other or all at once."""
    facts = PullFacts()
    async with transport(url, source, secrets or SECRETS) as line:
        asking = [line.send(Call("GET", f"{url}/things"), facts) for _ in range(calls)]
        if together:
            await asyncio.gather(*asking)
        else:
            for one in asking:
                await one
    return facts


async def refused(url: str, source: dict[str, Any], secrets: dict[str, str] | None = None) -> PullError:
    with pytest.raises(PullError) as caught:
        await ask(url, source, secrets=secrets)
    return caught.value
