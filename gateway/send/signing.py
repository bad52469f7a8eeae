"""DKIM signatures on what we send (RFC 6376; ed25519: RFC 8463), for who has no relay that signs.

In: the bytes of a letter. Out: the same with a DKIM-Signature for each key before them. dkimpy knows the canonical forms;
RSA is computed by `cryptography`, in a sixth of the time. A letter that cannot be signed is not sent: `SigningFailed`.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# What a reader, or a program that lists mail, goes by; never what a relay adds or changes.
SIGNED = (
    *("from", "to", "subject", "date", "message-id", "in-reply-to", "references", "reply-to", "mime-version"),
    *("content-type", "content-transfer-encoding", "list-id", "list-post", "list-unsubscribe", "list-unsubscribe-post"),
)
# Signed once more than they occur, so that nobody can add another (RFC 6376 section 8.15).
FROZEN = ("from", "to", "subject", "date", "message-id", "reply-to")
RSA_BITS = 2048
_MORE = "signing needs more packages: pip install 'thread-gateway[auth]'"


class SigningFailed(Exception):
    """There is no signature; the letter waits until there can be one."""


class BadKey(Exception):
    """A DKIM key that cannot be read; the text says which and why."""

    temporary = False


@dataclass(frozen=True, slots=True)
class Key:
    """One private key, published in the DNS as SELECTOR._domainkey.DOMAIN; `material` is what dkimpy takes."""

    selector: str
    algorithm: str
    material: Any


class Signer:
    """Signs for the domain in From."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self._keys = tuple(keys)

    def sign(self, raw: bytes, domain: str) -> bytes:
        """`raw`, signed with every key. Raises SigningFailed."""
        import dkim

        signatures = []
        for key in self._keys:
            try:
                signer = dkim.DKIM(raw, signature_algorithm=key.algorithm.encode())
                _use_cryptography(dkim)
                present = {name.lower().decode("ascii", "replace") for name, _ in signer.headers}
                fields = [name.encode() for name in (*(one for one in SIGNED if one in present), *FROZEN)]
                signature = signer.sign(
                    key.selector.encode(),
                    domain.encode(),
                    key.material,
                    canonicalize=(b"relaxed", b"relaxed"),
                    include_headers=fields,
                )
            except Exception as error:
                raise SigningFailed(f"DKIM, selector {key.selector}: {type(error).__name__}: {error}") from error
            signatures.append(signature)
        return b"".join(signatures) + raw


def read_keys(folder: Path, selectors: Sequence[str]) -> list[Key]:
    """The keys SELECTOR.pem in `folder`. Raises BadKey."""
    return [_read_key(folder / f"{selector}.pem", selector) for selector in selectors]


def _read_key(path: Path, selector: str) -> Key:
    found = _load(path, selector)
    if hasattr(found, "private_bytes_raw"):
        return Key(selector, "ed25519-sha256", base64.b64encode(found.private_bytes_raw()))
    return Key(selector, "rsa-sha256", _Rsa(found))


def _load(path: Path, selector: str) -> Any:
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError:
        raise BadKey(_MORE) from None
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise BadKey(f"{path}: {error.strerror}; gateway dkim new {selector} makes it") from None
    except (ValueError, TypeError):
        raise BadKey(f"{path}: is no private key in PEM form, or has a password") from None
    if isinstance(key, Ed25519PrivateKey) or (isinstance(key, RSAPrivateKey) and key.key_size >= RSA_BITS):
        return key
    raise BadKey(f"{path}: neither ed25519 nor RSA of at least {RSA_BITS} bits")


def record_of(folder: Path, selector: str) -> str:
    """What the DNS must say of the key SELECTOR.pem. Raises BadKey."""
    return dns_record(_load(folder / f"{selector}.pem", selector).public_key())


def make_key(folder: Path, selector: str, *, is_rsa: bool) -> str:
    """Makes SELECTOR.pem, readable by its owner alone; what the DNS must say. Raises BadKey, FileExistsError."""
    try:
        from cryptography.hazmat.primitives import serialization as form
        from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
    except ImportError:
        raise BadKey(_MORE) from None
    key = rsa.generate_private_key(65537, RSA_BITS) if is_rsa else ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{selector}.pem"
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(pem)
    return dns_record(key.public_key())


def dns_record(public: Any) -> str:
    """The TXT record of a public key (RFC 6376 section 3.6.1, RFC 8463 section 4)."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if isinstance(public, Ed25519PublicKey):
        return f"v=DKIM1; k=ed25519; p={base64.b64encode(public.public_bytes_raw()).decode()}"
    der = public.public_bytes(form.Encoding.DER, form.PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}"


class _Rsa:
    """An RSA key that signs by itself; dkimpy would want its numbers."""

    def __init__(self, key: Any) -> None:
        self.key = key


def _use_cryptography(dkim: Any) -> None:
    """Lets dkimpy pass our RSA keys through, and sign with them; others are its own affair."""
    if getattr(dkim, "has_our_rsa", False):
        return
    parse, sign = dkim.parse_pem_private_key, dkim.RSASSA_PKCS1_v1_5_sign
    dkim.parse_pem_private_key = lambda key: key if isinstance(key, _Rsa) else parse(key)
    dkim.RSASSA_PKCS1_v1_5_sign = lambda hashed, key: _sign_rsa(hashed, key) if isinstance(key, _Rsa) else sign(hashed, key)
    dkim.has_our_rsa = True


def _sign_rsa(hashed: Any, key: _Rsa) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

    signature: bytes = key.key.sign(hashed.digest(), PKCS1v15(), Prehashed(hashes.SHA256()))
    return signature
