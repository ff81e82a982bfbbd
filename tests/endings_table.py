"""Each ending above each latched state, run and not argued: `python -m tests.endings_table`.

Every cell is a session of its own with the real dashboard in a terminal. Before the ending both the state and something
at the venue are there; what was at the venue before and after is the simulated exchange's own word, what was journalled
is read from the journal, and a second process says what it finds latched. Prints a table in Markdown.
"""

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.hedgegrid_tui.disk import Disk, small_disk
from tests.hedgegrid_tui.live import Live
from tests.hedgegrid_tui.live_hook import BREAKER, FLATTENING, HALTED
from tests.journal_reader import read_journal

POLICY = "session.on_disconnect={}"
HOOK = "import tests.hedgegrid_tui.live_hook as hook; hook.install({folder!r})"
CRASH = """
import hedgegrid_tui.app as app
act = app.HedgeGridApp.action_act
def broken(self, action):
    if action == "help":
        raise RuntimeError("broken on purpose")
    act(self, action)
app.HedgeGridApp.action_act = broken
"""


@dataclass(frozen=True)
class Ending:
    """One way to end, and the policy that it needs."""

    end: Callable[[Live], None]
    policy: str = "keep"
    full_disk: bool = False


def key(letter: str) -> Callable[[Live], None]:
    """Leave by the dialog."""

    def end(session: Live) -> None:
        session.raw = b""
        session.press("q")
        session.until_text("leave")
        session.read_for(0.8)  # keys are ignored for the first half second
        session.press(letter)

    return end


def told(number: signal.Signals) -> Callable[[Live], None]:
    """Told by a signal."""
    return lambda session: session.send(number)


def gone(session: Live) -> None:
    """The terminal goes; a session that goes on is told to end two seconds later."""
    session.close_terminal()
    on_and_off(session)


def crash(session: Live) -> None:
    """The app breaks; a session that goes on is told to end two seconds later."""
    session.press("?")
    on_and_off(session)


def on_and_off(session: Live) -> None:
    end = time.monotonic() + 2.0
    while session.process.poll() is None and time.monotonic() < end:
        session.read()
    goes_on = not any(act[0] == "quit" for act in session.acts())
    if session.process.poll() is None and goes_on:
        session.send(signal.SIGTERM)


ENDINGS = {
    "q, leave": Ending(key("l")),
    "q, cancel": Ending(key("c")),
    "q, flatten": Ending(key("f")),
    "SIGTERM": Ending(told(signal.SIGTERM)),
    "SIGINT": Ending(told(signal.SIGINT)),
    "terminal gone, keep": Ending(gone),
    "terminal gone, pause": Ending(gone, "pause"),
    "terminal gone, cancel": Ending(gone, "cancel"),
    "terminal gone, flatten": Ending(gone, "flatten"),
    "app breaks, keep": Ending(crash),
    "app breaks, flatten": Ending(crash, "flatten"),
    "disk full, SIGTERM": Ending(told(signal.SIGTERM), full_disk=True),
    "SIGKILL": Ending(told(signal.SIGKILL)),
}
STATES = {"running": "", "paused": "", "breaker_open": BREAKER, "flattening": FLATTENING, "halted": HALTED}


def run(name: str, state: str, folder: Path) -> list[str]:
    """One cell of the table."""
    ending = ENDINGS[name]
    before = f"{HOOK.format(folder=str(folder))}\n{CRASH}"
    settings = ["--set", POLICY.format(ending.policy), "--set", "grid.step_bps=2"]
    if not ending.full_disk:
        return _cell(name, state, folder, before, settings, None)
    with small_disk(folder / "disk") as disk:
        return _cell(name, state, folder, before, settings, disk)


def _cell(name: str, state: str, folder: Path, before: str, settings: Sequence[str], disk: Disk | None) -> list[str]:
    base = folder / "state" if disk is None else disk.folder
    with Live(base, *settings, before=before) as session:
        session.until_journal('"role":"sl"')
        _bring_to(state, session, folder)
        if disk is not None:
            disk.fill(session.process.pid)
            session.until_journal_stands()
        at_venue = venue(folder)
        ENDINGS[name].end(session)
        status = session.ended(60)
        restored = session.fd < 0 or name == "SIGKILL" or session.is_restored()
        after = "gone with the process" if name == "SIGKILL" else venue(folder)
        acts = ", ".join(
            f"{command} by {by}: {result or 'no receipt'}" for command, by, result in _ending_acts(session)
        )
        flat = [line["flat"] for line in session.lines("session.stop")]
        said = (
            f"{acts or '-'}; flat: {flat[0] if flat else 'no last word'}; state {read_journal(session.journal).state}"
        )
    if disk is not None:
        disk.free(session.process.pid)
    with Live(base, *settings, "--for", "1", terminal=False) as later:
        later.ended()
    found = ", ".join(later.lines("session.start")[1]["restored"]) or "nothing"
    terminal = (
        "gone" if "gone" in name else "killed" if name == "SIGKILL" else "restored" if restored else "NOT RESTORED"
    )
    return [name, state, at_venue, after, said, terminal, str(status), found]


def _bring_to(state: str, session: Live, folder: Path) -> None:
    if state == "paused":
        session.press("p")
    elif STATES[state]:
        new = folder / "do.new"
        new.write_text(STATES[state], encoding="utf-8")
        new.replace(folder / "do.py")
    if state != "running":
        session.until_journal(f'"name":"{state}"')
    session.read_for(0.7)


def _ending_acts(session: Live) -> list[tuple[str, str, str]]:
    """What was done for the ending; not what brought the state about."""
    acts = session.acts()
    first = next((place for place, act in enumerate(acts) if act[0] in ("quit", "disconnect")), len(acts))
    return acts[first:]


def venue(folder: Path) -> str:
    """What the simulated exchange has."""
    told = json.loads((folder / "venue.json").read_text(encoding="utf-8"))
    return f"L {told['long']} S {told['short']}, {told['entries']} entries, {told['exits']} exits"


def main() -> int:
    """Run the cells that are asked for; all of them by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endings", nargs="*", default=list(ENDINGS), choices=list(ENDINGS))
    parser.add_argument("--states", nargs="*", default=list(STATES), choices=list(STATES))
    asked = parser.parse_args()
    columns = ("ending", "state", "venue before", "venue after", "journal", "terminal", "status", "next start finds")
    print("| " + " | ".join(columns) + " |\n|" + " --- |" * len(columns), flush=True)
    failed = 0
    for name in asked.endings:
        for state in asked.states:
            with tempfile.TemporaryDirectory(prefix="hedgegrid-endings-") as folder:
                try:
                    cells = run(name, state, Path(folder))
                except AssertionError as error:
                    failed += 1
                    cells = [name, state, f"FAILED: {str(error)[:300]!r}", *["-"] * 5]
            print("| " + " | ".join(cells) + " |", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
