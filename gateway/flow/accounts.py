"""Who logs in with SMTP AUTH (RFC 4954): members with an application password. In: a name and a password. Out: the address."""

from __future__ import annotations

from gateway.mail.address import Address, parse_address
from gateway.people.password import hash_password, is_password, make_password
from gateway.store.engine import Store
from gateway.store.standing import password_of, set_password


class Accounts:
    """Implements `smtp.auth.Authenticator`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def check(self, name: str, password: str) -> Address | None:
        """The address that logged in, or None. It blocks, and takes as long for names that nobody has."""
        address = parse_address(name)
        with self._store.read() as db:
            hashed = password_of(db, address.key if address is not None else "")
        return address if is_password(password, hashed) else None


def give_password(store: Store, address: Address, chance: bytes, salt: bytes) -> str | None:
    """A new password for a member's address, good in all forums; the old one is void. None: no member has that address."""
    password = make_password(chance)
    hashed = hash_password(password, salt)
    with store.write() as db:
        return password if set_password(db, address.key, hashed) else None
