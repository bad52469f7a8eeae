"""Application passwords for SMTP AUTH: made by us, kept as argon2id hashes (RFC 9106). Pure: chance is an argument.

They have 125 bits of chance and no meaning, so that a modest cost of hashing is enough, and many logins do not take the
machine's memory: 19 MiB and two passes, the least that OWASP advises.
"""

from __future__ import annotations

from typing import Final

MEMORY_KIB: Final = 19 * 1024
PASSES: Final = 2
SALT_BYTES: Final = 16
CHANCE_BYTES: Final = 16
_SIGNS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
# The hash of nothing that anybody knows: who is unknown is checked against it, in the time of who is known.
NOBODYS: Final = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43
PASSWORD_MAX: Final = 200


def is_available() -> bool:
    """Whether the package is there that passwords are hashed with (the extra [auth])."""
    from importlib.util import find_spec

    return find_spec("cryptography") is not None


def make_password(chance: bytes) -> str:
    """A password out of 16 random bytes: five groups of five signs, to be typed or pasted."""
    number = int.from_bytes(chance[:CHANCE_BYTES], "big")
    signs = "".join(_SIGNS[(number >> (5 * place)) & 31] for place in range(25))
    return "-".join(signs[start : start + 5] for start in range(0, 25, 5))


def hash_password(password: str, salt: bytes) -> str:
    """The hash to be kept, in the PHC form."""
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    made = Argon2id(salt=salt, length=32, iterations=PASSES, lanes=1, memory_cost=MEMORY_KIB)
    return str(made.derive_phc_encoded(_normal(password)))


def is_password(password: str, hashed: str) -> bool:
    """Whether `hashed` is of `password`; "" is nobody's, and takes as long."""
    from cryptography.exceptions import InvalidKey
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    try:
        Argon2id.verify_phc_encoded(_normal(password), hashed or NOBODYS)
    except (InvalidKey, ValueError):
        return False
    return bool(hashed)


def _normal(password: str) -> bytes:
    """Case, blanks and hyphens do not count: it may have been typed from paper."""
    bare = "".join(sign for sign in password.lower() if sign in _SIGNS)
    return bare.encode("ascii") if len(password) <= PASSWORD_MAX else b""
