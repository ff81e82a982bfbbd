"""The status of a session as lines for a person."""

from typing import Final

from hedgegrid_tui.audit_words import moment, printable
from hedgegrid_tui.render.numbers import count, span
from hedgegrid_tui.status import AlarmStatus, Books, LegStatus, Status
from strategy.domain import plain

MONEY: Final = ("equity", "wallet", "unrealised", "peak", "realised", "fees", "funding")


def as_text(status: Status) -> list[str]:
    """The status as lines for a person."""
    lines = [("session", _session(status)), *_told_books(status.books)]
    if status.equity is not None:
        money = [f"{name} {status.equity[name]}" for name in MONEY if name in status.equity]
        lines.append(("money", f"{', '.join(money)}; at {moment(status.equity['ts'])}"))
    lines += [("alarm", _alarm(alarm)) for alarm in status.alarms] or [("alarms", "none")]
    lines += [
        ("critical", f"{moment(error.ts)} {error.where}: {error.type}: {error.message}")
        for error in status.critical_errors
    ] or [("critical", "no critical error")]
    torn = "; a torn one follows" if status.torn else ""
    lines.append(("last line", f"{status.seq}, {moment(status.ts)}; written {span(status.written_ago_s)} ago{torn}"))
    lines.append(("journal", status.journal))
    return [printable(f"{name:10} {words}") for name, words in lines]


def _session(status: Status) -> str:
    name = f"{status.mode} {status.instrument}"
    if status.holder is not None:
        return f"{name}: {'RUNS' if status.stopped is None else 'starts or ends'}; {status.holder} holds the lock"
    if status.stopped is not None:
        flat = str(status.stopped.get("flat")).replace("_", " ")
        return f"{name}: ended, {flat}, exit status {status.stopped.get('exit_code')}; nobody holds the lock"
    return f"{name}: CUT SHORT, the journal tells of no end; nobody holds the lock"


def _told_books(books: Books | None) -> list[tuple[str, str]]:
    if books is None:
        return [("state", "NOT KNOWN, held and covered neither: a line of the journal cannot be used")]
    lines = [("state", f"{state.replace('_', ' ')}: {reason}") for state, reason in books.latched.items()]
    lines = lines or [("state", books.state)]
    if books.throttle != 1:
        lines.append(("throttle", plain(books.throttle)))
    lines += [(leg, _leg(each)) for leg, each in books.legs.items()]
    exits = count(books.open_exits, "exit")
    entries = count(books.open_entries, "entry")
    lines.append(("orders", f"{entries} and {exits} open"))
    return lines


def _leg(leg: LegStatus) -> str:
    if not leg.held:
        return "nothing held"
    average = "" if leg.average is None else f" at {leg.average:.2f} on average"
    bare = "" if leg.covered >= leg.held else ", UNPROTECTED"
    return f"{plain(leg.held)} held{average}, {plain(leg.covered)} covered by stops{bare}; {count(leg.lots, 'lot')}"


def _alarm(alarm: AlarmStatus) -> str:
    leg = "" if alarm.leg is None else f" {alarm.leg}"
    since = f", told {moment(alarm.ts)}" if alarm.ts else ", of an earlier session"
    return f"{alarm.name}{leg}: {alarm.detail}{since}"
