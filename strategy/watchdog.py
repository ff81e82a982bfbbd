"""The watchdog: a feed that stands still, a venue that says nothing, an engine that hangs."""

from typing import Final

from strategy.domain import NS_PER_MS, NS_PER_S
from strategy.errors import ErrorLog
from strategy.risk_config import WatchdogConfig

STALE_FEED: Final = "stale-feed"
SILENT_STREAM: Final = "silent-stream"
STUCK_LOOP: Final = "stuck-loop"


class Watchdog:
    """Raises and ends the alarms that concern the whole session; called a few times a second."""

    def __init__(self, config: WatchdogConfig, errors: ErrorLog) -> None:
        self._silence = config.stream_silent_ms * NS_PER_MS
        self._repeat = config.alarm_repeat_s * NS_PER_S
        self._errors = errors

    def look_at_feed(self, now: int, last_ns: int, *, is_stale: bool) -> bool:
        """The last price came at `last_ns`; true where the feed has just come back."""
        if is_stale:
            self._raise(STALE_FEED, f"no price for {_seconds(now - last_ns)}: no entry leaves, exits stay", now)
            return False
        return self._end(STALE_FEED, "prices come again", now)

    def look_at_stream(self, now: int, waiting_since: int | None, last_word_ns: int) -> None:
        """A request waits since `waiting_since`; the venue's last word on any order came at `last_word_ns`."""
        silent_since = None if waiting_since is None else max(waiting_since, last_word_ns)
        if silent_since is not None and now - silent_since >= self._silence:
            words = f"a request waits for {_seconds(now - silent_since)} without a word from the venue"
            self._raise(SILENT_STREAM, words, now)
        else:
            self._end(SILENT_STREAM, "the venue answers", now)

    def was_stuck(self, now: int, stood_ns: int) -> None:
        """The engine has done nothing for so long, and goes on now."""
        self._raise(STUCK_LOOP, f"the engine stood still for {_seconds(stood_ns)}", now)
        self._end(STUCK_LOOP, "it goes on", now)

    def repeat(self, now: int) -> None:
        """Tell lasting alarms again."""
        self._errors.repeat_alarms(now, self._repeat)

    def _raise(self, name: str, words: str, now: int) -> None:
        if self._errors.raise_alarm(name, None, words, now):
            self._errors.record(now, "watchdog", name, words, critical=True)

    def _end(self, name: str, words: str, now: int) -> bool:
        if (name, None) not in self._errors.alarms:
            return False
        self._errors.end_alarm(name, None, words, now)
        return True


def _seconds(span_ns: int) -> str:
    return f"{span_ns / NS_PER_S:.1f} s"
