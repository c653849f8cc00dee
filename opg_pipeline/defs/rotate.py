"""Another pseudonym key: everything that was loaded is made again from raw with it, and takes the place of the former. No Dagster here."""

from __future__ import annotations

import os
import secrets
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from opg_pipeline.defs.deployment import Deployment
from opg_pipeline.defs.replay import EVERYTHING, SliceReplay, replay
from opg_pipeline.defs.restore import aside_settings, put_in_place

KEY_FILE, NEXT_FILE = "pseudonym.key", "pseudonym.key.next"


@dataclass
class Rotation:
    """What a rotation did. ``stuck``: slices that cannot be made again; where there are any, nothing was changed.

    ``made_key``: whether a key was made and took the place of the former in $OPG_HOME; else the environment gave it.
    """

    slices: int = 0
    replaced: list[str] = field(default_factory=list)
    stuck: list[SliceReplay] = field(default_factory=list)
    made_key: bool = False


def rotate(deployment: Deployment) -> Rotation:
    """Make every slice again with another pseudonym key. The next publish takes them in.

    The key is OPG_PSEUDONYM_KEY where that is set, which must be the new one by now; else one is made and takes the place of
    the one in $OPG_HOME. Can be stopped and begun again: the key that was begun with is gone on with.

    Raises:
        DeploymentError: OPG_PSEUDONYM_KEY is no key.
        LakeError: a file of the lake cannot be read.
    """
    home = deployment.settings.home
    by_file = deployment.settings.pseudonym_key is None
    if by_file:
        home.mkdir(parents=True, exist_ok=True)
        deployment.tokens = Deployment.tokens_from(_next_key(home))
    try:
        with tempfile.TemporaryDirectory(dir=home, prefix="rotate-") as folder:
            made = replay(deployment, EVERYTHING, Deployment(aside_settings(deployment.settings, folder)).lake)
            result = Rotation(len(made.slices), stuck=[item for item in made.slices if item.verdict == "unreadable"])
            if result.stuck:
                return result
            result.replaced = put_in_place(deployment, made)
        if by_file:
            (home / NEXT_FILE).replace(home / KEY_FILE)
            result.made_key = True
    finally:
        if by_file:
            del deployment.tokens
    return result


def _next_key(home: Path) -> Path:
    """The key that an earlier rotation began with, or a new one."""
    path = home / NEXT_FILE
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
    return path
