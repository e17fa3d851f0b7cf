"""Signatures and envelopes: read as OpenSSL writes them, written as OpenSSL reads them, and nothing weaker taken."""

from __future__ import annotations

import random
import shutil
import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from sinks.agency.as2.cms import decrypt, encrypt, sign, verify
from sinks.agency.as2.ends import OwnEnd, certificates_of, own_end_of
from sinks.agency.as2.errors import RefusedMessageError
from tests.as2_support import AGENCY, NOW, OURS, STRANGER, certificate, end

if TYPE_CHECKING:
    from pathlib import Path

_CONTENT = b"<report>\r\n" + "å".encode() * 3_000 + b"\n</report>"
_OPENSSL = shutil.which("openssl")
needs_openssl = pytest.mark.skipif(_OPENSSL is None, reason="the command openssl is not there to compare with")


def files(folder: Path, of: OwnEnd) -> tuple[str, str]:
    """(certificate, key) as files."""
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(of.certificate.public_bytes(Encoding.PEM))
    paths[1].write_bytes(of.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return str(paths[0]), str(paths[1])


def openssl(folder: Path, content: bytes, *arguments: str) -> bytes:
    (folder / "content").write_bytes(content)
    command = [str(_OPENSSL), *arguments, "-in", str(folder / "content"), "-binary"]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_openssl
def test_openssl_verifies_what_we_sign_and_opens_what_we_encrypt(tmp_path: Path) -> None:
    ours, agency = end(OURS), end(AGENCY)
    (tmp_path / "signature").write_bytes(sign(_CONTENT, ours))
    cert, _ = files(tmp_path, ours)
    told = ("-inform", "DER", "-certfile", cert, "-noverify", "-content", str(tmp_path / "signed"))
    (tmp_path / "signed").write_bytes(_CONTENT)
    found = openssl(tmp_path, (tmp_path / "signature").read_bytes(), "cms", "-verify", *told)
    assert found == _CONTENT
    _, key = files(tmp_path, agency)
    assert (
        openssl(tmp_path, encrypt(_CONTENT, agency.certificate), "cms", "-decrypt", "-inform", "DER", "-inkey", key)
        == _CONTENT
    )


@needs_openssl
@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("more", [(), ("-keyopt", "rsa_padding_mode:pss"), ("-noattr",), ("-keyid",)])
def test_we_verify_what_openssl_signs(tmp_path: Path, digest: str, more: tuple[str, ...]) -> None:
    cert, key = files(tmp_path, end(AGENCY))
    signature = openssl(
        tmp_path, _CONTENT, "cms", "-sign", "-outform", "DER", "-signer", cert, "-inkey", key, "-md", digest, *more
    )
    assert verify(_CONTENT, signature, [end(OURS).certificate, end(AGENCY).certificate], NOW) == digest


@needs_openssl
@pytest.mark.parametrize("cipher", ["-aes-128-cbc", "-aes-192-cbc", "-aes-256-cbc"])
@pytest.mark.parametrize("form", [(), ("-stream",)])  # streamed, it is BER of unknown length, as other ends send it
@pytest.mark.parametrize("padding", ["pkcs1", "oaep"])
def test_we_open_what_openssl_encrypts(tmp_path: Path, cipher: str, form: tuple[str, ...], padding: str) -> None:
    cert, _ = files(tmp_path, end(OURS))
    arguments = ("cms", "-encrypt", "-outform", "DER", cipher, "-recip", cert, "-keyopt", f"rsa_padding_mode:{padding}")
    envelope = openssl(tmp_path, _CONTENT, *arguments, *form)
    assert (b"\x30\x80" in envelope[:2]) is bool(form)
    assert decrypt(envelope, end(OURS)) == _CONTENT


@needs_openssl
@pytest.mark.parametrize("digest", ["sha1", "md5"])
def test_weak_digests_are_not_taken(tmp_path: Path, digest: str) -> None:
    cert, key = files(tmp_path, end(AGENCY))
    signature = openssl(
        tmp_path, _CONTENT, "cms", "-sign", "-outform", "DER", "-signer", cert, "-inkey", key, "-md", digest
    )
    with pytest.raises(RefusedMessageError) as refused:
        verify(_CONTENT, signature, [end(AGENCY).certificate], NOW)
    assert refused.value.disposition == "failed/Failure: unsupported MIC-algorithms"


@needs_openssl
def test_triple_des_is_not_taken(tmp_path: Path) -> None:
    cert, _ = files(tmp_path, end(OURS))
    envelope = openssl(tmp_path, _CONTENT, "cms", "-encrypt", "-outform", "DER", "-des3", "-recip", cert)
    with pytest.raises(RefusedMessageError) as refused:
        decrypt(envelope, end(OURS))
    assert refused.value.modifier == "decryption-failed"


def test_a_signature_is_of_this_content_this_key_and_a_certificate_in_force() -> None:
    signature, known = sign(_CONTENT, end(AGENCY)), [end(AGENCY).certificate]
    assert verify(_CONTENT, signature, known, NOW) == "sha256"
    with pytest.raises(RefusedMessageError, match="not what was signed") as refused:
        verify(_CONTENT + b" ", signature, known, NOW)
    assert refused.value.modifier == "integrity-check-failed"
    with pytest.raises(RefusedMessageError, match="no certificate that is known"):
        verify(_CONTENT, signature, [end(OURS).certificate], NOW)
    for off in (timedelta(days=-2), timedelta(days=31)):
        with pytest.raises(RefusedMessageError, match="not in force"):
            verify(_CONTENT, signature, known, NOW + off)


def test_a_certificate_of_the_same_name_and_number_but_another_key_has_not_signed() -> None:
    real = end(AGENCY)
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = real.certificate.subject
    builder = x509.CertificateBuilder(name, name, other.public_key(), real.certificate.serial_number)
    forged = builder.not_valid_before(NOW).not_valid_after(NOW + timedelta(days=1)).sign(other, hashes.SHA256())
    signature = sign(_CONTENT, OwnEnd(AGENCY, "x.example", other, forged))
    with pytest.raises(RefusedMessageError, match="not of the key that it names"):
        verify(_CONTENT, signature, [real.certificate], NOW)


def test_an_envelope_is_for_one_end() -> None:
    envelope = encrypt(_CONTENT, end(OURS).certificate)
    assert decrypt(envelope, end(OURS)) == _CONTENT
    with pytest.raises(RefusedMessageError, match="not encrypted for us"):
        decrypt(envelope, end(STRANGER))


def test_whatever_bytes_come_they_are_refused_and_nothing_else() -> None:
    chance = random.Random(7)
    signature, envelope = sign(_CONTENT, end(AGENCY)), encrypt(b"x" * 100, end(OURS).certificate)
    for _ in range(400):
        for whole in (signature, envelope):
            broken = bytearray(whole)
            for _ in range(chance.randint(1, 4)):
                broken[chance.randrange(len(broken))] = chance.randrange(256)
            cut = bytes(broken[: chance.randint(1, len(broken))]) if chance.random() < 0.3 else bytes(broken)
            for act in (lambda: verify(b"", cut, [end(AGENCY).certificate], NOW), lambda: decrypt(cut, end(OURS))):  # noqa: B023
                try:
                    act()
                except RefusedMessageError:
                    continue


def test_an_end_is_of_its_own_key_and_has_a_name() -> None:
    ours = end(OURS)
    with pytest.raises(ValueError, match="another key"):
        OwnEnd(OURS, "ours.example", ours.key, end(AGENCY).certificate)
    for name in ("", 'a"b', "a\\b", " a", "å", "x" * 129, "a\nb"):
        with pytest.raises(ValueError, match="AS2 name"):
            OwnEnd(name, "ours.example", ours.key, ours.certificate)
    with pytest.raises(ValueError, match="domain"):
        OwnEnd(OURS, "a@b", ours.key, ours.certificate)
    assert certificate(ours.key, "again").public_key() == ours.key.public_key()


def test_ends_are_read_from_files() -> None:
    ours = end(OURS)
    sealed = BestAvailableEncryption(b"secret")
    for password, encryption in ((None, NoEncryption()), (b"secret", sealed)):
        key = ours.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
        pem = ours.certificate.public_bytes(Encoding.PEM)
        found = own_end_of(OURS, "ours.example", key, password, pem)
        assert found.certificate == ours.certificate
        for wrong in (b"other", None if password else b"x"):
            with pytest.raises(ValueError, match=r"(?i)password"):
                own_end_of(OURS, "ours.example", key, wrong, pem)
    two = [one.certificate for one in (ours, end(AGENCY))]
    assert certificates_of(b"".join(one.public_bytes(Encoding.PEM) for one in two)) == tuple(two)
    with pytest.raises(ValueError, match="PEM"):
        certificates_of(b"none")
    curve = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(ValueError, match="no RSA key"):
        own_end_of(OURS, "ours.example", curve, None, ours.certificate.public_bytes(Encoding.PEM))
