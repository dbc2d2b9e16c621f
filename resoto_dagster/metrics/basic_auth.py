"""HTTP basic authentication against bcrypt hashes."""

import base64
import binascii
import hashlib
import re
import secrets
import threading
from collections.abc import Mapping

import bcrypt

_HASH = re.compile(r"\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}")
_SEEN = 72  # bcrypt looks at no more bytes of a password


def is_bcrypt_hash(text: str) -> bool:
    """Whether a text is a hash as bcrypt writes it, e.g. by `htpasswd -nBC 10 ""`."""
    return _HASH.fullmatch(text) is not None


class Users:
    """Who may come in, with the bcrypt hashes of their passwords.

    A check with bcrypt takes as long as the hash's cost says. So who was let in is remembered: by a keyed
    hash that is worth nothing outside of this process, never by the password.
    """

    def __init__(self, hashes: Mapping[str, str]):
        self._hashes = {user.encode(): hash_.encode() for user, hash_ in hashes.items()}
        # Somebody unknown is checked for as long as somebody known, so that time tells no names.
        self._decoy = max(self._hashes.values(), key=lambda hash_: hash_[4:6])
        self._key = secrets.token_bytes(32)
        self._let_in: set[bytes] = set()
        self._one_at_a_time = threading.Lock()

    def let_in(self, authorization: str | None) -> bool:
        """Whether an Authorization header names a user and the user's password."""
        given = _credentials(authorization)
        if given is None:
            return False
        user, password = given
        remembered = hashlib.blake2b(user + b":" + password, key=self._key).digest()
        if remembered in self._let_in:
            return True
        hash_ = self._hashes.get(user)
        with self._one_at_a_time:  # guessing takes one core at most
            right = bcrypt.checkpw(password, hash_ or self._decoy)
        if hash_ is None or not right:
            return False
        self._let_in.add(remembered)
        return True


def _credentials(authorization: str | None) -> tuple[bytes, bytes] | None:
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return (user, password[:_SEEN]) if colon else None
