"""Mutual TLS against servers that ask for a client certificate; the certificates are made here."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from opg_pipeline.model.handover import Outcome
from opg_pipeline_tests.extract.conftest import Server, pull, rows

AUTH = {"auth": {"type": "mtls", "certificate": "APP_CERT", "private_key": "APP_PEM", "authority": "APP_CA"}}


class Authority:
    """A certificate authority that writes what it gives out into a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(self.name, self.key, x509.BasicConstraints(ca=True, path_length=None))
        self.path = folder / f"{name}.pem"
        self.path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def give(self, name: str, *, password: bytes | None = None) -> tuple[str, str]:
        """Paths of a new certificate, good for 127.0.0.1, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        certificate = self._sign(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key, address)
        paths = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        locked = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        form = serialization.PrivateFormat.PKCS8
        paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, locked))
        return str(paths[0]), str(paths[1])

    def _sign(self, name: x509.Name, key: ec.EllipticCurvePrivateKey, extension: Any) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(self.name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).add_extension(extension, critical=True)
        builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        return builder.sign(self.key, hashes.SHA256())


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"), "kota")


@pytest.fixture(scope="module")
def guarded(authority: Authority) -> Iterator[Server]:
    """A server that lets no one in without a certificate of its authority. It hangs up on others without a word."""
    certificate, key = authority.give("server")
    ca = str(authority.path)
    server = Server(ssl_certfile=certificate, ssl_keyfile=key, ssl_ca_certs=ca, ssl_cert_reqs=ssl.CERT_REQUIRED)
    server.handler = lambda request: rows(0, 2)
    yield server
    server.close()


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2])
def strict(authority: Authority, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a server that asks for certificates and, as the standard has it, says why it refuses one (an alert)."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.path))
    context.load_cert_chain(*authority.give("strict"))
    context.verify_mode, context.maximum_version = ssl.CERT_REQUIRED, request.param
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with connection, contextlib.suppress(OSError):
                    wrapped = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
                    try:
                        wrapped.do_handshake()
                    except ssl.SSLError:
                        raw = socket.socket(fileno=wrapped.detach())
                        raw.shutdown(socket.SHUT_WR)
                        while raw.recv(4096):  # or the kernel would take the alert back
                            pass
                        raw.close()

    threading.Thread(target=serve, daemon=True).start()
    yield f"https://127.0.0.1:{listening.getsockname()[1]}"
    listening.close()


def secrets(authority: Authority, pair: tuple[str, str]) -> dict[str, str]:
    return {"APP_CERT": pair[0], "APP_PEM": pair[1], "APP_CA": str(authority.path)}


async def test_certificate_opens_the_door(guarded: Server, authority: Authority) -> None:
    result = await pull(guarded.url, source=AUTH, secrets=secrets(authority, authority.give("klien")))
    assert result.error is None
    assert len(result.records) == 2


async def test_certificate_that_is_refused(strict: str, authority: Authority, tmp_path: Path) -> None:
    given = secrets(authority, Authority(tmp_path, "lain").give("klien"))
    result = await pull(strict, source=AUTH, secrets=given)
    assert result.failure.outcome is Outcome.AUTH_FAILED
    assert "does not accept our client certificate" in result.failure.what
    assert result.failure.attempts == 1


async def test_certificate_that_is_refused_without_a_word(
    guarded: Server, authority: Authority, tmp_path: Path
) -> None:
    given = secrets(authority, Authority(tmp_path, "lain").give("klien"))
    result = await pull(guarded.url, source={**AUTH, "retries": 1}, secrets=given)
    assert result.failure.outcome is Outcome.UNREACHABLE
    assert "client certificate" in result.failure.hint


async def test_source_whose_authority_is_not_declared(guarded: Server, authority: Authority) -> None:
    source = {"auth": {"type": "mtls", "certificate": "APP_CERT", "private_key": "APP_PEM"}}
    result = await pull(guarded.url, source=source, secrets=secrets(authority, authority.give("klien")))
    assert result.failure.outcome is Outcome.UNREACHABLE
    assert "TLS certificate of the source is not valid" in result.failure.what
    assert "authority" in result.failure.hint


@pytest.mark.parametrize("name", ["APP_CERT", "APP_PEM", "APP_CA"])
async def test_file_that_is_missing_or_something_else(authority: Authority, tmp_path: Path, name: str) -> None:
    good = secrets(authority, authority.give("klien"))
    missing = await pull("https://127.0.0.1:9", source=AUTH, secrets={**good, name: str(tmp_path / "none.pem")})
    assert missing.failure.outcome is Outcome.MISSING_SECRET
    assert name in missing.failure.what
    other = tmp_path / "other.pem"
    other.write_text("no certificate")
    wrong = await pull("https://127.0.0.1:9", source=AUTH, secrets={**good, name: str(other)})
    assert wrong.failure.outcome is Outcome.AUTH_FAILED
    assert name in wrong.failure.what
    unset = await pull("https://127.0.0.1:9", source=AUTH, secrets={**good, name: ""})
    assert unset.failure.outcome is Outcome.MISSING_SECRET


async def test_keys_that_cannot_be_used(authority: Authority) -> None:
    """One with a password, which must not be asked for at the terminal, and one of another certificate."""
    locked = secrets(authority, authority.give("terkunci", password=b"rahasia"))
    crossed = secrets(authority, (authority.give("satu")[0], authority.give("dua")[1]))
    for given in (locked, crossed):
        result = await pull("https://127.0.0.1:9", source=AUTH, secrets=given)
        assert result.failure.outcome is Outcome.AUTH_FAILED
        assert "APP_PEM cannot be used" in result.failure.what
