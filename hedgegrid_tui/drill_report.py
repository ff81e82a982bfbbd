"""What a drill came to: steps with their figures, as text; and the drill as a process of its own. Knows no Nautilus."""

import contextlib
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from typing import IO, Final

import msgspec

PASS, FAIL = "PASS", "FAIL"
TITLE_WIDTH: Final = 16
PROGRAM: Final = (sys.executable, "-P", "-m", "hedgegrid_tui", "drill", "--json")
"""`-P`: whatever lies in the working directory is not taken for a part of the program."""
LIMIT_S: Final = 180.0
"""A drill that takes longer is given up."""
LAST_WORDS: Final = 400
"""Characters of what a drill that failed wrote to standard error."""


class DrillError(Exception):
    """A drill that gave no report; the text says why."""


class Figure(msgspec.Struct, frozen=True):
    """One measured value of a step."""

    name: str
    value: float | int | str
    """Times and counts as numbers, prices and money as decimal strings."""
    unit: str
    most: float | int | None = None
    """The step fails above this."""

    @property
    def is_within(self) -> bool:
        """Whether it keeps its bound, where it has one."""
        return self.most is None or (not isinstance(self.value, str) and self.value <= self.most)

    def __str__(self) -> str:
        bound = "" if self.most is None else f", at most {self.most:g}"
        return f"{self.name.replace('_', ' ')} {self.value} {self.unit}".rstrip() + bound


class StepReport(msgspec.Struct, frozen=True, tag_field="type", tag="step"):
    """One step of the drill."""

    name: str
    title: str
    passed: bool
    sentence: str
    """What happened, or what did not."""
    figures: tuple[Figure, ...] = ()
    problems: tuple[str, ...] = ()
    """What was wrong in the books afterwards: naked quantity, doubled entries, a journal that disagrees."""
    seconds: float = 0.0
    journal: str = ""


class DrillReport(msgspec.Struct, frozen=True, tag_field="type", tag="drill"):
    """The whole drill."""

    version: str
    passed: bool
    steps: int
    failed: tuple[str, ...]
    """Names of the steps that failed."""
    folder: str
    """Where the journals of the rehearsed sessions are kept."""
    seconds: float


type Line = StepReport | DrillReport
"""What `hedgegrid drill --json` prints, one a line: each step as it ends, then the whole."""


def step_lines(step: StepReport) -> list[str]:
    """One step as text: its word, its title and sentence, then its figures."""
    lines = [f"{PASS if step.passed else FAIL}  {step.name:{TITLE_WIDTH}} {step.sentence}"]
    figures = [str(figure) + ("" if figure.is_within else " EXCEEDED") for figure in step.figures]
    indent = " " * (len(PASS) + 2 + TITLE_WIDTH + 1)
    lines += [f"{indent}{figure}" for figure in figures]
    return lines + [f"{indent}NOT AS IT SHOULD BE: {problem}" for problem in step.problems]


def last_lines(report: DrillReport) -> list[str]:
    """The whole drill in a sentence, and where its journals are."""
    count = f"{report.steps} steps in {report.seconds:.0f} s"
    words = f"every one passed: {count}" if report.passed else f"FAILED: {', '.join(report.failed)}, of {count}"
    return [words, f"journals: {report.folder}"]


def lines(found: Line) -> list[str]:
    """Any line of `--json` as text."""
    return step_lines(found) if isinstance(found, StepReport) else last_lines(found)


def rehearse(program: Sequence[str] = PROGRAM, limit_s: float = LIMIT_S) -> Iterator[Line]:
    """Run the drill as a process of its own and give each step as it ends, the whole at last.

    It blocks while it waits for a line, so that it belongs in a thread. Closing the iterator ends the process, and so
    does `limit_s` (seconds).

    Raises:
        DrillError: It could not start, took too long, or ended without its report.
    """
    decoder = msgspec.json.Decoder(Line)
    with tempfile.TemporaryFile() as errors, _started(program, errors) as process:
        overdue = threading.Timer(limit_s, process.kill)
        overdue.daemon = True
        overdue.start()
        try:
            last: Line | None = None
            for text in process.stdout or ():
                last = _decoded(decoder, text)
                yield last
            process.wait()
            if not isinstance(last, DrillReport):
                raise DrillError(_cause(process.returncode, errors, late=not overdue.is_alive(), limit_s=limit_s))
        finally:
            overdue.cancel()
            process.kill()


@contextlib.contextmanager
def _started(program: Sequence[str], errors: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """The running process, which no signal to the terminal reaches."""
    try:
        process = subprocess.Popen(  # noqa: S603 - this very program
            program, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, start_new_session=True
        )
    except OSError as error:
        raise DrillError(f"the drill could not start: {error.strerror}") from error
    with process:
        yield process


def _decoded(decoder: msgspec.json.Decoder[Line], text: bytes) -> Line:
    try:
        return decoder.decode(text)
    except msgspec.DecodeError as error:
        raise DrillError(f"the drill printed what is no report: {text[:LAST_WORDS]!r}") from error


def _cause(status: int, errors: IO[bytes], *, late: bool, limit_s: float) -> str:
    if late:
        return f"the drill took longer than {limit_s:.0f} s and was ended"
    errors.seek(0)
    words = errors.read().decode(errors="replace").strip()[-LAST_WORDS:]
    return f"the drill ended with status {status} and no report" + (f": {words}" if words else "")
