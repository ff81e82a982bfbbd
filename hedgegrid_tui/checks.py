"""`hedgegrid check` against the venue: preflight's findings as lines, each with its cure; no session is started."""

import asyncio
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from hedgegrid_tui.audit_words import printable
from hedgegrid_tui.engine.binance.preflight.checks import Finding, Verdict, preflight
from hedgegrid_tui.engine.binance.rest.client import BinanceRest
from hedgegrid_tui.engine.binance.rest.credentials import CredentialError, Credentials, load_credentials, variables
from hedgegrid_tui.engine.binance.rest.endpoints import endpoints
from hedgegrid_tui.engine.plan import COULD_NOT_START, Mode
from strategy.config import Config, ConfigError
from strategy.past import Past

WIDTH: Final = 80
NAME_WIDTH: Final = 12
INDENT: Final = " " * (len("PASS") + 2 + NAME_WIDTH + 1)
CURE: Final = "cure: "
ORDER: Final = (Verdict.PASS, Verdict.WARN, Verdict.FAIL)


class FindingLine(msgspec.Struct, frozen=True, tag_field="type", tag="finding"):
    """One line of `--json`."""

    name: str
    verdict: str
    words: str
    cure: str


class CheckLine(msgspec.Struct, frozen=True, tag_field="type", tag="check"):
    """The last line of `--json`."""

    mode: str
    instrument: str
    passed: bool
    warnings: tuple[str, ...]
    """Names of the findings that warn."""
    failures: tuple[str, ...]


def check_venue(
    config: Config,
    mode: Mode,
    environ: Mapping[str, str],
    past: Past | None = None,
    *,
    json: bool = False,
    echo: Callable[[str], object] = print,
) -> int:
    """Ask the venue, print what was found, and give the exit status: 0, or 3 where something fails.

    Args:
        config: What is to be traded.
        mode: Paper, testnet or live.
        environ: Where keys are looked for.
        past: The journal's word on what is ours.
        json: JSON Lines instead of text.
        echo: Takes each line.
    """
    findings = asyncio.run(look(config, mode, environ, past))
    for line in as_json(findings, config, mode) if json else as_text(findings):
        echo(line)
    return COULD_NOT_START if _names(findings, Verdict.FAIL) else 0


async def look(config: Config, mode: Mode, environ: Mapping[str, str], past: Past | None) -> list[Finding]:
    """Preflight with a client of its own; without a key that can be used, what needs none is looked at all the same."""
    try:
        addresses = endpoints(mode, config.binance)
    except ConfigError as error:
        return [Finding("address", Verdict.FAIL, str(error), "")]
    found: list[Finding] = []
    credentials: Credentials | None = None
    if mode is not Mode.PAPER:
        try:
            credentials = load_credentials(config.binance, environ, mode)
        except CredentialError as error:
            words, _, cure = str(error).partition("; ")
            words += ": the account is not looked at"
            found.append(
                Finding("key", Verdict.FAIL, words, cure or f"set {' and '.join(variables(mode, config.binance))}")
            )
    rest = BinanceRest(
        addresses,
        credentials,
        timeout_s=config.binance.http_timeout_ms / 1000,
        recv_window_ms=config.binance.recv_window_ms,
    )
    try:
        return found + await preflight(rest, config, Mode.PAPER if found else mode, past)
    finally:
        await rest.close()


def as_text(findings: Sequence[Finding]) -> list[str]:
    """The findings for a person, 80 columns wide, and what they come to; what fails stands last, where eyes are."""
    shown = sorted(findings, key=lambda finding: ORDER.index(finding.verdict))
    return [line for finding in shown for line in _lines(finding)] + _verdict(findings)


def as_json(findings: Sequence[Finding], config: Config, mode: Mode) -> list[str]:
    """The findings as JSON Lines; the last one tells what they come to."""
    failures, warnings = (_names(findings, verdict) for verdict in (Verdict.FAIL, Verdict.WARN))
    lines: list[msgspec.Struct] = [FindingLine(f.name, f.verdict.value, f.words, f.cure) for f in findings]
    lines.append(CheckLine(mode.value, config.instrument.symbol, not failures, warnings, failures))
    return [msgspec.json.encode(line).decode() for line in lines]


def _lines(finding: Finding) -> list[str]:
    head = f"{finding.verdict.upper()}  {finding.name:{NAME_WIDTH}} "
    lines = _wrapped(finding.words, head, INDENT)
    hanging = INDENT + " " * len(CURE)
    for number, line in enumerate(finding.cure.splitlines()):
        lines += _wrapped(line, INDENT + CURE if number == 0 else hanging, hanging)
    return lines


def _wrapped(text: str, first: str, others: str) -> list[str]:
    return textwrap.wrap(
        printable(text),
        WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _verdict(findings: Iterable[Finding]) -> list[str]:
    found = list(findings)
    failures, warnings = (_names(found, verdict) for verdict in (Verdict.FAIL, Verdict.WARN))
    told = f"; warnings: {', '.join(warnings)}" if warnings else ""
    if failures:
        return ["", *_wrapped(f"NOT READY: {', '.join(failures)}{told}", "", " " * 11)]
    return ["", *_wrapped(f"READY{told or ': nothing is in the way'}", "", " " * 7)]


def _names(findings: Iterable[Finding], verdict: Verdict) -> tuple[str, ...]:
    return tuple(finding.name for finding in findings if finding.verdict is verdict)
