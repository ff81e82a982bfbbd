"""The guard around every handler: no exception leaves one."""

import functools
from collections.abc import Callable
from typing import Concatenate, Protocol


class Contains(Protocol):
    """Whoever has handlers that are guarded."""

    def contain(self, where: str, error: Exception) -> None:
        """Note an exception that was caught in the handler of that name."""


def guarded[**P, S: Contains](
    handler: Callable[Concatenate[S, P], None],
) -> Callable[Concatenate[S, P], None]:
    """Let no exception out of a handler: it is journalled, counted, shown, and the next pass converges."""

    @functools.wraps(handler)
    def run(self: S, /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            handler(self, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - this is the guard
            self.contain(handler.__name__, error)

    return run
