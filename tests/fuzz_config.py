"""Mutated configuration files: each runs or gets a clear error with status 2, never a traceback.

`python -m tests.fuzz_config --files 10000` checks that many in this process as `hedgegrid check --config FILE` does,
some of them in processes of their own, and lets a sample of those that pass trade for a second. `--seed N` plays one
again.
"""

import argparse
import contextlib
import faulthandler
import io
import json
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

import typer

from hedgegrid_tui.cli import app
from strategy.config import Config, load_config
from tests.config_mutations import make

MOST_S: Final = 2.0
"""A file that takes more CPU time to validate is a violation."""
HANG_S: Final = 15
"""CPU time after which a file is given up."""
LAST_RESORT_S: Final = 120
"""Where that is not heard the process ends, and tells where it hung."""
LONGEST_LINE: Final = 600
MOST_LINES: Final = 60
"""What is longer than that is no clear error."""
RUN_LIMIT_S: Final = 60
COMMAND: Final = typer.main.get_command(app)
PROGRAM: Final = [sys.executable, "-c", "from hedgegrid_tui.cli import main; main()"]


@dataclass(frozen=True)
class Verdict:
    """What a program made of a file; `wrong` says why it must not have."""

    status: int | None
    errors: str
    wrong: str = ""


def judge(status: int | None, out: str, errors: str) -> Verdict:
    """Whether that is what runs, or a clear error."""
    told = errors.splitlines()
    wrong = ""
    if "Traceback" in errors:
        wrong = "a traceback"
    elif status not in (0, 2):
        wrong = f"exit status {status}"
    elif status == 0 and (told or not out):
        wrong = "success with words on standard error, or without any on standard output"
    elif status == 2:
        if out or not told or not all(line.startswith("hedgegrid: ") for line in told):
            wrong = "an error without its words, or with other output"
        elif len(told) > MOST_LINES or max(map(len, told)) > LONGEST_LINE:
            wrong = f"an error of {len(told)} lines, {max(map(len, told))} characters in the longest"
        elif not all(line.isprintable() for line in told):
            wrong = "an error with characters that steer a terminal"
        elif any(word in errors for word in ("Value error", "pydantic", "type=", "<class")):
            wrong = "an error in the words of a library"
    return Verdict(status, errors, wrong)


def check(path: Path) -> Verdict:
    """`hedgegrid check --config` in this process."""
    out, errors = io.StringIO(), io.StringIO()
    started, status = time.process_time(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        try:
            COMMAND.main(args=["check", "--config", str(path)], prog_name="hedgegrid")
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        except Exception:  # noqa: BLE001 - whatever it is, the trader would see it
            return Verdict(1, traceback.format_exc(), "a traceback")
    took = time.process_time() - started
    verdict = judge(status, out.getvalue(), errors.getvalue())
    return Verdict(status, verdict.errors, f"it took {took:.1f} s") if took > MOST_S else verdict


def check_in_process(path: Path) -> Verdict:
    """The same in a process of its own."""
    command = [*PROGRAM, "check", "--config", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=RUN_LIMIT_S, check=False)
    return judge(done.returncode, done.stdout, done.stderr)


def trade(path: Path, state: Path) -> Verdict:
    """A second of the simulated market with it."""
    command = [*PROGRAM, "run", "--headless", "--json", "--for", "1", "--config", str(path), "--state-dir", str(state)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=RUN_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return Verdict(None, "", f"it did not end within {RUN_LIMIT_S} s")
    if done.returncode:
        return judge(done.returncode, "", done.stderr)
    last = done.stdout.splitlines()[-1:]
    summary = json.loads(last[0]) if last else {}
    contained = [
        f"{line['where']}: {line['type']}: {line['message']}"
        for journal in state.rglob("journal.jsonl")
        for line in map(json.loads, journal.read_text(encoding="utf-8").splitlines())
        if line["kind"] == "error" and line["type"][:1].isupper()  # an exception; alarms are written small
    ]
    if summary.get("type") != "summary" or contained or done.stderr:
        return Verdict(0, "\n".join([*contained, done.stderr]), "it ran with errors")
    return Verdict(0, "")


# -- many ----------------------------------------------------------------------------------------------------------


class HungError(BaseException):
    """A file took too long; nothing that contains errors may contain it."""


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    """No file takes for ever."""

    def give_up(_number: int, _frame: FrameType | None) -> None:
        raise HungError

    before = signal.signal(signal.SIGVTALRM, give_up)
    if sys.__stderr__ is not None:
        faulthandler.dump_traceback_later(LAST_RESORT_S, exit=True, file=sys.__stderr__)
    signal.setitimer(signal.ITIMER_VIRTUAL, HANG_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGVTALRM, before)


class Fuzz:
    """Plays seeds, counts, and keeps the files of violations."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.violations = 0
        self.counts: Counter[str] = Counter()
        self.mutations: Counter[str] = Counter()
        self.passed: dict[str, int] = {}
        """Digest of each configuration that passed, and the first seed that gave it."""

    def play(self, seed: int) -> Verdict:
        """Make and check one file."""
        case = make(seed)
        path = self.folder / f"fuzz-config-{seed}.toml"
        path.write_bytes(case.text)
        try:
            with bounded():
                verdict = check(path)
        except HungError:
            verdict = Verdict(None, "", f"it did not end within {HANG_S} s")
        self.mutations.update(set(case.made_by))
        self.counts["runs" if verdict.status == 0 else "refused"] += 1
        if verdict.wrong:
            self.report(seed, verdict, path)
        else:
            if verdict.status == 0:
                self.passed.setdefault(load_config(path).digest(), seed)
            path.unlink()
        return verdict

    def report(self, seed: int, verdict: Verdict, path: Path) -> None:
        """Say what is wrong with which file, and keep it."""
        self.violations += 1
        made_by = ", ".join(make(seed).made_by)
        print(f"VIOLATION seed {seed} ({made_by}): {verdict.wrong}; status {verdict.status}; kept: {path}")
        for line in verdict.errors.splitlines()[-6:]:
            print(f"    {line[:300]!r}")
        print(f"replay: python -m tests.fuzz_config --seed {seed}", flush=True)

    def play_apart(self, seeds: list[int]) -> None:
        """Some of them through real processes."""
        for seed in seeds:
            path = self.folder / f"fuzz-config-{seed}.toml"
            path.write_bytes(make(seed).text)
            verdict = check_in_process(path)
            self.counts["in a process of its own"] += 1
            if verdict.wrong:
                self.report(seed, verdict, path)
            else:
                path.unlink()

    def trade(self, count: int) -> None:
        """A sample of those that passed, evenly drawn, each unlike the others and the default."""
        self.passed.pop(Config().digest(), None)
        seeds = sorted(self.passed.values())
        for seed in seeds[:: max(1, len(seeds) // count)][:count] if count else []:
            path = self.folder / f"fuzz-config-{seed}.toml"
            path.write_bytes(make(seed).text)
            with tempfile.TemporaryDirectory(prefix="hedgegrid-fuzz-") as state:
                verdict = trade(path, Path(state))
            self.counts["traded for a second"] += 1
            if verdict.wrong:
                self.report(seed, verdict, path)
            else:
                path.unlink()


def main() -> int:
    """Play what the arguments ask for; 1 where a file was neither run nor refused in clear words."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="seed of the first file")
    parser.add_argument("--apart", type=int, default=300, help="files that are checked in processes of their own too")
    parser.add_argument("--trade", type=int, default=36, help="files that pass and then trade for a second")
    parser.add_argument("--seed", type=int, help="play one again, and say what came of it")
    given = parser.parse_args()
    started = time.monotonic()
    fuzz = Fuzz(Path(tempfile.mkdtemp(prefix="hedgegrid-fuzz-")))
    if given.seed is not None:
        verdict = fuzz.play(given.seed)
        print(f"seed {given.seed} ({', '.join(make(given.seed).made_by)}): status {verdict.status}")
        print(verdict.errors or "passes")
        fuzz.trade(1)
    else:
        for seed in range(given.first, given.first + given.files):
            fuzz.play(seed)
            if (seed - given.first + 1) % 1000 == 0:
                print(f"{seed - given.first + 1} files: {dict(fuzz.counts)}, {fuzz.violations} violations", flush=True)
        if given.apart:
            fuzz.play_apart(list(range(given.first, given.first + given.files, max(1, given.files // given.apart))))
        fuzz.trade(given.trade)
    with contextlib.suppress(OSError):  # what is kept keeps its folder
        fuzz.folder.rmdir()
    for name, count in fuzz.mutations.most_common():
        print(f"    {count:6} {name}")
    unlike = f"{len(fuzz.passed)} configurations unlike the default and each other passed"
    print(f"{dict(fuzz.counts)}; {unlike}; {fuzz.violations} violations; {time.monotonic() - started:.0f} s")
    return 1 if fuzz.violations else 0


if __name__ == "__main__":
    sys.exit(main())
