"""Bytes under names in one fsspec folder: whole or not at all, sealed when there is a key. Knows nothing of what they mean."""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime

import fsspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_MAGIC = b"OPG1"
_PARTIAL = ".partial"


class LakeError(Exception):
    """A file of the lake cannot be used; the message says which and why."""


class MissingFile(LakeError):
    """A file is not in the lake, or not any more."""


class Store:
    """The files of one deployment.

    Args:
        url: fsspec URL or local folder.
        key: 32 bytes; when given, raw and quarantine payloads are encrypted (AES-256-GCM).
    """

    def __init__(self, url: str, key: bytes | None = None) -> None:
        self.fs, root = fsspec.core.url_to_fs(url)
        self.root = str(root).rstrip("/")
        self._local = "file" in (self.fs.protocol if isinstance(self.fs.protocol, tuple) else (self.fs.protocol,))
        self._aead = AESGCM(key) if key else None
        self._made: set[str] = set()

    def path(self, name: str) -> str:
        return f"{self.root}/{name}"

    def write(self, name: str, data: bytes, *, durable: bool = False) -> None:
        """Write one file so that it appears whole or not at all. ``durable`` waits for the disk."""
        target = self.path(name)
        folder = target.rsplit("/", 1)[0]
        if folder not in self._made:
            self.fs.makedirs(folder, exist_ok=True)
            self._made.add(folder)
        if not self._local:
            self.fs.pipe_file(target, data)
            return
        partial = f"{target}.{secrets.token_hex(4)}{_PARTIAL}"
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            os.replace(partial, target)
        except BaseException:
            if os.path.exists(partial):
                os.unlink(partial)
            raise

    def read(self, name: str) -> bytes:
        """The bytes of one file. Raises MissingFile."""
        try:
            return bytes(self.fs.cat_file(self.path(name)))
        except FileNotFoundError:
            raise MissingFile(f"The lake has no file {name}.") from None

    def remove(self, name: str) -> None:
        """Remove one file; one that is not there already is no error."""
        try:
            self.fs.rm_file(self.path(name))
        except FileNotFoundError:
            return

    def sweep(self, before: datetime) -> int:
        """Remove what writers that were killed left half-written before this moment; returns how many files that were.

        No reader ever sees such a file, but it may hold what a source sent.
        """
        if not self._local:
            return 0
        left = [str(name) for name in self.fs.find(self.root) if str(name).endswith(_PARTIAL)]
        old = [name for name in left if self.written_at(name[len(self.root) + 1 :]) < before]
        for name in old:
            self.remove(name[len(self.root) + 1 :])
        return len(old)

    def written_at(self, name: str) -> datetime:
        """When a file was written. Raises MissingFile; LakeError where the file system does not know."""
        try:
            found: datetime = self.fs.modified(self.path(name))
        except FileNotFoundError:
            raise MissingFile(f"The lake has no file {name}.") from None
        except NotImplementedError:
            raise LakeError("The file system of the lake does not tell when a file was written.") from None
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)

    def size(self, name: str) -> int:
        """Bytes of a file."""
        return int(self.fs.size(self.path(name)) or 0)

    def names(self, folder: str, suffix: str) -> list[str]:
        """Names of the files of a folder, sorted, without the suffix."""
        try:
            entries = self.fs.ls(self.path(folder), detail=False, refresh=True)
        except FileNotFoundError:
            return []
        found = [str(entry).rsplit("/", 1)[1] for entry in entries]
        return sorted(name.removesuffix(suffix) for name in found if name.endswith(suffix))

    def seal(self, data: bytes) -> bytes:
        """``data`` encrypted when the lake has a key, else as it is."""
        if self._aead is None:
            return data
        nonce = secrets.token_bytes(12)
        return _MAGIC + nonce + self._aead.encrypt(nonce, data, None)

    @property
    def has_key(self) -> bool:
        """Whether payloads are sealed."""
        return self._aead is not None

    def resealed(self, data: bytes, former: Store | None) -> bytes | None:
        """``data`` sealed with this store's key; None where it is already.

        Args:
            former: opens what was sealed with another key; what was never sealed needs none.

        Raises LakeError where neither key opens it.
        """
        if data.startswith(_MAGIC):
            try:
                self.unseal(data)
            except LakeError:
                if former is None:
                    raise
                return self.seal(former.unseal(data))
            return None
        return self.seal(data)

    def unseal(self, data: bytes) -> bytes:
        """The opposite of :meth:`seal`. Raises LakeError when the key is absent or another one."""
        if not data.startswith(_MAGIC):
            return data
        if self._aead is None:
            raise LakeError("This file is encrypted. Set OPG_ARCHIVE_KEY to the key it was written with.")
        try:
            return self._aead.decrypt(data[4:16], data[16:], None)
        except InvalidTag:
            raise LakeError("This file was encrypted with another key than OPG_ARCHIVE_KEY.") from None
