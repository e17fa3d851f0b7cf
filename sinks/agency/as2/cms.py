"""Signatures and envelopes in the Cryptographic Message Syntax (RFC 5652).

What goes out is written by ``cryptography``. That has no reading of signatures, and reads envelopes in DER only, where
other ends send BER too; so what comes in is parsed by ``asn1crypto``, and ``cryptography`` does the arithmetic. SHA-1,
MD5 and triple DES are refused.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any, cast

from asn1crypto import cms
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509 import ExtensionNotFound, SubjectKeyIdentifier

from sinks.agency.as2.ends import is_in_force
from sinks.agency.as2.errors import RefusedMessageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import rsa

    from sinks.agency.as2.ends import OwnEnd

DIGESTS: Mapping[str, type[hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}
"""Those that are taken, by their names without hyphens."""
_AES_KEYS = (16, 24, 32)  # bytes
_BLOCK = 128  # bits of AES


def digest_of(content: bytes, name: str) -> bytes:
    """The digest of bytes by one of ``DIGESTS``."""
    made = hashes.Hash(DIGESTS[name]())
    made.update(content)
    return made.finalize()


def sign(content: bytes, end: OwnEnd) -> bytes:
    """Our signature of bytes, which it does not hold itself; DER, SHA-256."""
    options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary]
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content)
    return builder.add_signer(end.certificate, end.key, hashes.SHA256()).sign(Encoding.DER, options)


def encrypt(content: bytes, certificate: x509.Certificate) -> bytes:
    """Bytes that only the holder of a certificate's key can read; DER, AES-256-CBC."""
    builder = pkcs7.PKCS7EnvelopeBuilder().set_data(content).add_recipient(certificate)
    made = builder.set_content_encryption_algorithm(algorithms.AES256)
    return made.encrypt(Encoding.DER, [pkcs7.PKCS7Options.Binary])


def verify(content: bytes, signature: bytes, certificates: Iterable[x509.Certificate], now: datetime) -> str:
    """Check that bytes are signed with one of some certificates.

    Returns:
        The name of the signature's digest.

    Raises:
        RefusedMessageError: authentication-failed, integrity-check-failed or unsupported MIC-algorithms.
    """
    try:
        return _verified(content, signature, list(certificates), now)
    except InvalidSignature as error:
        raise RefusedMessageError("authentication-failed", "the signature is not of the key that it names") from error
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise RefusedMessageError("authentication-failed", "the signature is none that can be read") from error


def decrypt(envelope: bytes, end: OwnEnd) -> bytes:
    """What an envelope for us holds.

    Raises:
        RefusedMessageError: decryption-failed; by which step it failed is not told.
    """
    try:
        return _opened(envelope, end)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        text = "the message is not encrypted for us with AES in CBC, or not whole"
        raise RefusedMessageError("decryption-failed", text) from error


def _verified(content: bytes, signature: bytes, certificates: list[x509.Certificate], now: datetime) -> str:
    info = cms.ContentInfo.load(signature, strict=True)
    if info["content_type"].native != "signed_data":
        raise ValueError("no signature")
    for signer in info["content"]["signer_infos"]:
        named = next((one for one in certificates if _is_of(signer["sid"], one)), None)
        if named is None:
            continue
        if not is_in_force(named, now):
            raise RefusedMessageError("authentication-failed", "the certificate that signed is not in force")
        return _checked(content, signer, named)
    raise RefusedMessageError("authentication-failed", "no certificate that is known of the partner has signed")


def _checked(content: bytes, signer: Any, certificate: x509.Certificate) -> str:  # noqa: ANN401 - asn1crypto's
    name: str = signer["digest_algorithm"]["algorithm"].native
    if name not in DIGESTS:
        raise RefusedMessageError("unsupported MIC-algorithms", "the digest of the signature is none that is taken")
    signed = content
    if signer["signed_attrs"].native is not None:
        attributes = {one["type"].native: one["values"].native for one in signer["signed_attrs"]}
        if attributes["content_type"] != ["data"] or len(attributes["message_digest"]) != 1:
            raise ValueError("attributes of another kind")
        if not hmac.compare_digest(attributes["message_digest"][0], digest_of(content, name)):
            raise RefusedMessageError("integrity-check-failed", "the content is not what was signed")
        signed = signer["signed_attrs"].untag().dump()
    public = cast("rsa.RSAPublicKey", certificate.public_key())
    algorithm = signer["signature_algorithm"]
    scheme = padding.PSS(padding.MGF1(DIGESTS[name]()), padding.PSS.AUTO)
    schemes: Mapping[str, padding.AsymmetricPadding] = {"rsassa_pkcs1v15": padding.PKCS1v15(), "rsassa_pss": scheme}
    public.verify(signer["signature"].native, signed, schemes[algorithm.signature_algo], DIGESTS[name]())
    return name


def _is_of(identifier: Any, certificate: x509.Certificate) -> bool:  # noqa: ANN401 - asn1crypto's
    """Whether a signer or recipient is named by a certificate's issuer and number, or by its key's identifier."""
    chosen = identifier.chosen
    if identifier.name == "issuer_and_serial_number":
        number = chosen["serial_number"].native
        return bool(
            number == certificate.serial_number and chosen["issuer"].dump() == certificate.issuer.public_bytes()
        )
    try:
        own = certificate.extensions.get_extension_for_class(SubjectKeyIdentifier).value.digest
    except ExtensionNotFound:
        return False
    return bool(chosen.native == own)


def _opened(envelope: bytes, end: OwnEnd) -> bytes:
    info = cms.ContentInfo.load(envelope, strict=True)
    if info["content_type"].native != "enveloped_data":
        raise ValueError("no envelope")
    ours = (
        one.chosen
        for one in info["content"]["recipient_infos"]
        if one.name == "ktri" and _is_of(one.chosen["rid"], end.certificate)
    )
    recipient = next(ours, None)
    if recipient is None:
        raise ValueError("for others")
    scheme = _KEY_SCHEMES[recipient["key_encryption_algorithm"]["algorithm"].native]
    key = end.key.decrypt(recipient["encrypted_key"].native, scheme(recipient["key_encryption_algorithm"]))
    sealed = info["content"]["encrypted_content_info"]
    algorithm = sealed["content_encryption_algorithm"]
    if len(key) not in _AES_KEYS or (algorithm.encryption_cipher, algorithm.encryption_mode) != ("aes", "cbc"):
        raise ValueError("another cipher")
    opening = Cipher(algorithms.AES(key), modes.CBC(algorithm.encryption_iv)).decryptor()
    padded = opening.update(sealed["encrypted_content"].native) + opening.finalize()
    stripping = PKCS7(_BLOCK).unpadder()
    return stripping.update(padded) + stripping.finalize()


def _oaep(algorithm: Any) -> padding.AsymmetricPadding:  # noqa: ANN401 - asn1crypto's
    named = algorithm["parameters"].native["hash_algorithm"]["algorithm"]
    # SHA-1 is OAEP's own default, and safe there.
    digest = hashes.SHA1() if named == "sha1" else DIGESTS[named]()  # noqa: S303  # nosec B303
    return padding.OAEP(padding.MGF1(digest), digest, None)


_KEY_SCHEMES: Mapping[str, Callable[[Any], padding.AsymmetricPadding]] = {
    "rsaes_pkcs1v15": lambda _: padding.PKCS1v15(),
    "rsaes_oaep": _oaep,
}
