"""What can become of a request to Binance: refused, refused for a while, unclear, or never sent."""

import re
from typing import Final

WORDS: Final = 160
"""Characters of the venue's own words that are repeated."""
MASK: Final = "***"
_LONG: Final = re.compile(r"[A-Za-z0-9+/=_%-]{40,}")
"""Keys, signatures and listenKeys are as long; the longest order id has 36 characters."""


def clean(text: str) -> str:
    """One line of the venue's words, cut, without anything that looks like a key or steers a terminal."""
    line = " ".join(_LONG.sub(MASK, text[: 4 * WORDS]).split())
    line = "".join(char if char.isascii() and char.isprintable() else "?" for char in line)
    return line if len(line) <= WORDS else f"{line[: WORDS - 3]}..."


class RestError(Exception):
    """A request that was not answered as asked; `path` is the address's path, `words` plain and free of secrets."""

    def __init__(self, path: str, words: str) -> None:
        super().__init__(f"{path}: {words}")
        self.path = path
        self.words = words


class VenueError(RestError):
    """The venue refused: nothing was done."""

    def __init__(self, path: str, status: int, code: int, message: str) -> None:
        told = clean(message) or "no words"
        super().__init__(path, f"refused with {code}: {told}" if code else f"refused with HTTP {status}: {told}")
        self.status = status
        self.code = code
        """Binance's, negative; 0 where the answer had none."""
        self.message = told


class LimitedError(VenueError):
    """Too many requests: nothing was done, and nothing should be asked before `retry_after_s` have passed."""

    def __init__(
        self, path: str, status: int, code: int, message: str, retry_after_s: float, *, sent: bool = True
    ) -> None:
        super().__init__(path, status, code, message)
        self.retry_after_s = retry_after_s
        self.sent = sent
        """False where this client kept the request back itself."""
        self.words += f"; wait {retry_after_s:.0f} s"
        self.args = (f"{path}: {self.words}",)

    @property
    def is_ban(self) -> bool:
        """Whether the address is banned, so that each further request makes it last."""
        return self.status == 418


class UnclearError(RestError):
    """The request may have been carried out, or may not; only the venue knows."""


class UnreachableError(RestError):
    """The request was never sent: nothing was done."""
