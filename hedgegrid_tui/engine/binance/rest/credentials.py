"""The account's key: found in the environment or in a file of its owner alone, kept masked, used to sign."""

import base64
import binascii
import hashlib
import hmac
import os
import stat
import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, NoReturn

from hedgegrid_tui.engine.plan import Mode, StartError
from strategy.venue_config import BinanceConfig, TestEnvironment

MASK: Final = "***"
LEAST_LENGTH: Final = 16
"""Of key and secret; Binance's have 64 characters."""
LARGEST_FILE: Final = 1 << 16
PLACEHOLDER_STARTS: Final = ("your", "my_", "my-", "insert", "enter", "paste", "put_", "replace", "example", "todo")
PLACEHOLDER_WORDS: Final = (
    "changeme", "change_me", "change-me", "placeholder", "api_key", "api-key", "apikey", "api_secret", "api-secret",
    "apisecret", "<", ">", "...",
)  # fmt: skip
"""What stands in examples; each is too long to stand in one of the venue's keys by chance."""
FEW_CHARACTERS: Final = 4
"""A text made of so few different ones was not made by the venue."""
ED25519_PREFIX: Final = bytes.fromhex("302e020100300506032b657004220420")
"""PKCS#8 of an Ed25519 private key up to its 32 bytes. Source: RFC 8410."""
SEED_BYTES: Final = 32
PEM_BEGIN: Final = "-----BEGIN PRIVATE KEY-----"
PEM_END: Final = "-----END PRIVATE KEY-----"
ALPHANUMERIC: Final = frozenset(string.ascii_letters + string.digits)


class CredentialError(StartError):
    """There is no key that can be used; the text names variable or file, and the cure, and never the key."""


class KeyKind(StrEnum):
    """How requests are signed."""

    HMAC = "hmac"
    ED25519 = "ed25519"


class Secret:
    """A text that shows itself to `reveal` alone."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written anywhere")


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key with its secret, or with the PEM of its Ed25519 private key."""

    key: str = field(repr=False)
    secret: Secret
    kind: KeyKind

    @property
    def masked(self) -> str:
        """What may be shown of the key."""
        return f"{self.key[:4]}..."

    def sign(self, query: str) -> str:
        """The signature of a raw query string: hex (HMAC-SHA256), or base64 that is still to be quoted (Ed25519).

        Source: Binance, USDS-M Futures, "General Info", "Signed Endpoint Examples".
        """
        if self.kind is KeyKind.HMAC:
            return hmac.new(self.secret.reveal().encode(), query.encode(), hashlib.sha256).hexdigest()
        from nautilus_trader.core.nautilus_pyo3 import ed25519_signature

        return str(ed25519_signature(_seed(self.secret.reveal()), query))


def variables(mode: Mode, config: BinanceConfig) -> tuple[str, str]:
    """The names of the environment variables that hold key and secret."""
    middle = ""
    if mode is Mode.TESTNET:
        middle = "DEMO_" if config.environment is TestEnvironment.DEMO else "TESTNET_"
    return (
        config.key_variable or f"BINANCE_{middle}API_KEY",
        config.secret_variable or f"BINANCE_{middle}API_SECRET",
    )


def load_credentials(config: BinanceConfig, environ: Mapping[str, str], mode: Mode) -> Credentials:
    """The key from `binance.key_file`, or else from the environment variables.

    Raises:
        CredentialError: There is none, it is a placeholder, its kind is unknown, or others may read its file.
    """
    if config.key_file:
        path = _path(config.key_file)
        key, secret = _from_file(path)
        places = (f"{path}: api_key", f"{path}: api_secret")
    else:
        names = variables(mode, config)
        key, secret = (environ.get(name, "").strip() for name in names)
        places = (f"environment variable {names[0]}", f"environment variable {names[1]}")
        for text, place in zip((key, secret), places, strict=True):
            if not text:
                raise CredentialError(f"{place} is not set; set it, or name a file of mode 0600 as binance.key_file")
    _check_key(key, places[0])
    credentials = Credentials(key, *_secret(secret, places[1]))
    credentials.sign("")  # what signs is loaded now, so that no request grows old meanwhile
    return credentials


def _path(name: str) -> Path:
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise CredentialError(f"{name}: there is no such home; name the file by its whole path") from None


def _from_file(path: Path) -> tuple[str, str]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise CredentialError(f"{path}: cannot be read ({error.strerror}); binance.key_file names it") from None
    except ValueError:
        raise CredentialError("binance.key_file: is no path; name the file by its whole path") from None
    try:
        _check_owner(path, os.fstat(descriptor))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            raw = file.read(LARGEST_FILE + 1)
    finally:
        os.close(descriptor)
    if len(raw) > LARGEST_FILE:
        raise CredentialError(f"{path}: is larger than any file of keys, {LARGEST_FILE} bytes")
    words = f"{path}: must be TOML with api_key and api_secret, each a text in quotes"
    try:
        data = tomllib.loads(raw.decode("utf-8-sig"))
    except (ValueError, ArithmeticError, RecursionError):
        data = None  # what the parser says may hold the key
    if data is None:
        raise CredentialError(words)
    key, secret = data.get("api_key"), data.get("api_secret")
    if not isinstance(key, str) or not isinstance(secret, str):
        raise CredentialError(words)
    return key.strip(), secret.strip()


def _check_owner(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise CredentialError(f"{path}: is no plain file; binance.key_file must name one")
    if found.st_uid != os.geteuid():
        raise CredentialError(f"{path}: belongs to another user; make it yours: sudo chown $USER {path}")
    if stat.S_IMODE(found.st_mode) & 0o077:
        mode = f"{stat.S_IMODE(found.st_mode):04o}"
        raise CredentialError(f"{path}: mode {mode} lets others at the key, it must be 0600; run: chmod 600 {path}")


def _check_key(text: str, place: str) -> None:
    _check_placeholder(text, place)
    if not set(text) <= ALPHANUMERIC | {"-", "_"}:
        raise CredentialError(f"{place}: holds characters that no key has; copy the key alone, without quotes")


def _check_placeholder(text: str, place: str) -> None:
    if not text:
        raise CredentialError(f"{place} is empty; set it to what Binance's API management shows")
    if _is_placeholder(text.lower()):
        raise CredentialError(f"{place} is a placeholder; set it to what Binance's API management shows")


def _is_placeholder(low: str) -> bool:
    if len(low) < LEAST_LENGTH or len(set(low)) <= FEW_CHARACTERS:
        return True
    return low.startswith(PLACEHOLDER_STARTS) or any(word in low for word in PLACEHOLDER_WORDS)


def _secret(text: str, place: str) -> tuple[Secret, KeyKind]:
    """The secret and its kind; an Ed25519 key comes as PEM, its line ends perhaps written as backslash and n."""
    if not text.startswith("-----BEGIN"):
        _check_placeholder(text, place)
        if not set(text) <= ALPHANUMERIC | {"-", "_"}:
            raise CredentialError(f"{place}: is neither an HMAC secret nor a PEM; copy it whole, without quotes")
        return Secret(text), KeyKind.HMAC
    middle = text.replace("\\n", "\n").strip().removeprefix(PEM_BEGIN).removesuffix(PEM_END)
    pem = "\n".join((PEM_BEGIN, *middle.split(), PEM_END)) if PEM_END in text else text
    if "ENCRYPTED" in pem:
        raise CredentialError(f"{place}: the PEM is encrypted; decrypt it with `openssl pkey` into a file of mode 0600")
    if len(_seed(pem)) != SEED_BYTES:
        raise CredentialError(f"{place}: is no Ed25519 private key in PKCS#8; RSA is not accepted; make one with "
                              "`openssl genpkey -algorithm ed25519`")  # fmt: skip
    return Secret(pem), KeyKind.ED25519


def _seed(pem: str) -> bytes:
    """The private key's 32 bytes; nothing where the text is no Ed25519 key in PEM."""
    lines = pem.splitlines()
    if lines[:1] != [PEM_BEGIN] or lines[-1:] != [PEM_END]:
        return b""
    try:
        raw = base64.b64decode("".join(lines[1:-1]), validate=True)
    except (binascii.Error, ValueError):
        return b""
    return raw.removeprefix(ED25519_PREFIX) if raw.startswith(ED25519_PREFIX) else b""
