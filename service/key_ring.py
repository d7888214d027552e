"""API keys at rest: whose a key is, known by its SHA-256 only.

A key is 256 random bits (``tidecast key`` makes them). Nobody guesses one from its digest, so a
slow hash, which guards passwords that people choose, would guard nothing and cost every request.
"""

import hmac
import re
from collections.abc import Iterable, Mapping
from hashlib import sha256

from tidecast.errors import ConfigurationError

WANTED = "a name and the SHA-256 of its key, 64 hexadecimal digits; `tidecast key NAME` makes both"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_PREFIX_BYTES = 8
Entry = tuple[str, str]
"""A name and a digest in hexadecimal digits."""


class KeyRing:
    """Keys by their digests. A name may have several, so that they can be changed one by one."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        """Take the entries in.

        Raises:
            ConfigurationError: two names have one key.
        """
        # Looked up is how the digest begins, compared is the rest in constant time. What the time
        # of a lookup tells is something about a digest; no key can be had from that.
        self._entries: dict[bytes, tuple[bytes, str]] = {}
        for name, hexadecimal in entries:
            digest = bytes.fromhex(hexadecimal)
            known = self._entries.setdefault(digest[:_PREFIX_BYTES], (digest, name))
            if known != (digest, name):
                raise ConfigurationError(f"{known[1]} and {name} have the same API key")
        self.names = frozenset(name for _, name in self._entries.values())

    def __len__(self) -> int:
        """How many keys."""
        return len(self._entries)

    def owner(self, key: str) -> str | None:
        """The name that the key was given to; None when nobody has it."""
        digest = sha256(key.encode("utf-8", "surrogatepass")).digest()
        known, name = self._entries.get(digest[:_PREFIX_BYTES], (b"", ""))
        return name if hmac.compare_digest(known, digest) else None


def digest_of(key: str) -> str:
    """What is kept of a key."""
    return sha256(key.encode()).hexdigest()


def entries_of_mapping(keys: Mapping[str, str]) -> list[Entry]:
    """Entries of the settings.

    Raises:
        ConfigurationError: one is malformed. Never shown is what stands there: it may be a key.
    """
    return [entry(name, digest, f"entry {n}") for n, (name, digest) in enumerate(keys.items(), 1)]


def entries_of_text(text: str) -> list[Entry]:
    """Entries of a file: one ``name: sha256`` a line; ``#`` begins a comment.

    Raises:
        ConfigurationError: a line is malformed, or there is none. Never shown is what stands there.
    """
    entries = []
    for number, line in enumerate(text.splitlines(), 1):
        if content := line.partition("#")[0].strip():
            name, _, digest = content.partition(":")
            entries.append(entry(name.strip(), digest.strip(), f"line {number}"))
    if not entries:
        raise ConfigurationError("no API key stands there")
    return entries


def entry(name: str, digest: str, place: str = "this") -> Entry:
    """The name and the digest themselves.

    Raises:
        ConfigurationError: one is malformed; ``place`` says which.
    """
    if not (_NAME.fullmatch(name) and _DIGEST.fullmatch(digest)):
        raise ConfigurationError(f"{place} is not {WANTED}")
    return name, digest
