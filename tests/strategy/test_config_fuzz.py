"""Mutated configuration files: each runs or gets a clear error; and what the fuzzing has found stays mended."""

from decimal import Decimal
from pathlib import Path

import pytest

from hedgegrid_tui.describe import describe
from strategy import config as config_module
from strategy.config import LARGEST_FILE, PROBLEMS_TOLD, ConfigError, load_config
from tests import fuzz_config
from tests.config_mutations import LINE_MUTATIONS, make
from tests.fuzz_config import Fuzz, Verdict, bounded, check, judge, trade

FILES = 300


@pytest.fixture
def fuzz(tmp_path: Path) -> Fuzz:
    return Fuzz(tmp_path)


def refusal(folder: Path, text: str | bytes, *overrides: str) -> str:
    path = folder / "hedgegrid.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    return str(caught.value).removeprefix(f"{path}: ")


def test_each_mutated_file_runs_or_gets_a_clear_error(fuzz: Fuzz, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in range(FILES):
        fuzz.play(seed)
    assert fuzz.violations == 0, capsys.readouterr().out
    assert fuzz.counts["runs"] > FILES / 20
    assert fuzz.counts["refused"] > FILES / 2
    assert len(fuzz.passed) > FILES / 30
    assert set(fuzz.mutations) == {mutation.__name__ for mutation, _ in LINE_MUTATIONS} | {"spoil_bytes"}


def test_a_seed_gives_the_same_file_every_time() -> None:
    assert [make(seed) for seed in range(20)] == [make(seed) for seed in range(20)]
    assert len({make(seed).text for seed in range(50)}) > 40


@pytest.mark.parametrize(
    ("status", "out", "errors", "wrong"),
    [
        (0, "instrument\n", "", ""),
        (2, "", "hedgegrid: grid.levels = 0: must be at least 1\n", ""),
        (0, "", "", "success"),
        (0, "instrument\n", "hedgegrid: but\n", "success"),
        (1, "", "hedgegrid: x\n", "exit status 1"),
        (3, "", "hedgegrid: x\n", "exit status 3"),
        (None, "", "hedgegrid: x\n", "exit status None"),
        (2, "", "", "without its words"),
        (2, "instrument\n", "hedgegrid: x\n", "without its words"),
        (2, "", "oops\n", "without its words"),
        (2, "", "hedgegrid: x\nTraceback (most recent call last):\n", "a traceback"),
        (2, "", "hedgegrid: a = \x1b[2J: unknown key\n", "steer a terminal"),
        (2, "", "hedgegrid: Value error, must be a number\n", "words of a library"),
        (2, "", "hedgegrid: " + "x" * 1000, "characters in the longest"),
        (2, "", "hedgegrid: x\n" * 100, "an error of 100 lines"),
    ],
)
def test_the_judge_tells_a_clear_error_from_any_other_end(status: int, out: str, errors: str, wrong: str) -> None:
    verdict = judge(status, out, errors)
    assert wrong in verdict.wrong
    assert bool(verdict.wrong) == bool(wrong)


def test_an_exception_that_escapes_is_a_violation_and_its_file_is_kept(
    fuzz: Fuzz, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_path: Path) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(config_module, "_read", fail)
    assert fuzz.play(7).wrong == "a traceback"
    told = capsys.readouterr().out
    assert "VIOLATION seed 7 " in told
    assert "RuntimeError: unforeseen" in told
    assert "replay: python -m tests.fuzz_config --seed 7" in told
    assert (fuzz.folder / "fuzz-config-7.toml").read_bytes() == make(7).text


def test_a_file_that_takes_too_long_is_a_violation(fuzz: Fuzz, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz_config, "MOST_S", -1.0)
    assert "it took" in fuzz.play(7).wrong

    def hang(_path: Path) -> Verdict:
        while True:
            pass

    monkeypatch.setattr(fuzz_config, "HANG_S", 1)
    monkeypatch.setattr(fuzz_config, "check", hang)
    assert "did not end within 1 s" in fuzz.play(7).wrong
    with bounded():
        pass


def test_a_file_that_passes_but_does_not_trade_is_a_violation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "hedgegrid.toml"
    path.write_text("[grid]\nlevels = 0\n")
    assert trade(path, tmp_path / "a") == Verdict(2, "hedgegrid: grid.levels = 0: must be at least 1\n")
    program = "import sys; print('hedgegrid: ValueError: x', file=sys.stderr); sys.exit(1)"
    monkeypatch.setattr(fuzz_config, "PROGRAM", [fuzz_config.PROGRAM[0], "-c", program])
    assert trade(path, tmp_path / "b").wrong == "exit status 1"
    monkeypatch.setattr(fuzz_config, "PROGRAM", [fuzz_config.PROGRAM[0], "-c", ""])
    assert trade(path, tmp_path / "c").wrong == "it ran with errors"


# -- what it has found ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[execution]\nask_after_ms = 1e999999999", "execution.ask_after_ms = 1E+999999999: must be less than"),
        ("[execution]\nask_after_ms = 1e-999999999", "execution.ask_after_ms = 1E-999999999: must have at most 100"),
        ("[instrument]\nmin_notional = 1e999999999", "must be less than 1,000,000,000,000"),
        ("[instrument]\nmin_notional = -1e400", "must be less than 1,000,000,000,000"),
        ('[instrument]\nmin_notional = "1e400"', "instrument.min_notional = 1e400: must be less than"),
        ("[grid]\nbase_qty = 1e-999999", "grid.base_qty = 1E-999999: must have at most 100 decimals"),
        (
            "[limits]\nmax_leg_notional = 1_000_000_000_000",
            "limits.max_leg_notional = 1000000000000: must be less than",
        ),
        ("[grid]\nlevels = true", "grid.levels = True: must be a number"),
        ("[grid]\nbase_qty = true", "grid.base_qty = True: must be a number"),
        ("a = 1e9999999999999999999", "is not TOML (a number in it is beyond all bounds)"),
        ("a = " + "9" * 5000, "is not TOML (a number in it is beyond all bounds)"),
        ("a = 0x" + "f" * 10_000, "a = ...: unknown key"),
        ("a = " + "[" * 100_000, "is not TOML (nested too deeply)"),
        ("#" * (LARGEST_FILE + 1), "is larger than any configuration, 1048576 bytes"),
        ("[" + "a." * 300 + "b]\n[" + "a." * 300 + "b]", "is not TOML (Cannot declare ('a', 'a', "),
        ("[instrument]\ntick_size = 1e-17", "instrument.tick_size = 1E-17: must have at most 9 decimals"),
        ("[instrument]\nstep_size = 1e-10", "instrument.step_size = 1E-10: must have at most 9 decimals"),
        ("[instrument]\nmax_qty = 1e-28", "instrument.max_qty = 1E-28: must have at most 9 decimals"),
        ("[instrument]\ntick_size = 1000", "tick_size 1000 must be at most 100; lower it"),
        ("[instrument]\nmin_qty = 1001", "min_qty 1001 must be at most max_qty 1000; lower it"),
        ("[instrument]\nstep_size = 1001", "step_size 1001 must be at most max_qty 1000; lower it"),
    ],
)
def test_what_made_the_program_fail_or_hang_is_refused_by_name(text: str, message: str, tmp_path: Path) -> None:
    assert message in refusal(tmp_path, text)


def test_a_message_never_steers_the_terminal_and_stays_short(tmp_path: Path) -> None:
    told = refusal(tmp_path, '"\\u001b[2J" = "\\u001b]0;x\\u0007"\n' + "x" * 10_000 + ' = "' + "y" * 10_000 + '"')
    assert told.replace("\n", "").isprintable()
    assert max(map(len, told.splitlines())) < 400
    twice = "[" + "a." * 300 + "b]\n"
    assert len(refusal(tmp_path, twice + twice)) < 400


def test_of_many_problems_the_first_are_told_and_the_others_counted(tmp_path: Path) -> None:
    told = refusal(tmp_path, "\n".join(f"k{number} = {number}" for number in range(500))).splitlines()
    assert len(told) == PROBLEMS_TOLD + 1
    assert told[-1] == f"and {500 - PROBLEMS_TOLD} more"
    assert len(refusal(tmp_path, "\n".join(f"k{n} = {n}" for n in range(PROBLEMS_TOLD))).splitlines()) == PROBLEMS_TOLD


@pytest.mark.parametrize("value", ["1e999999999", "9" * 5000, "[" * 100_000, "1e9999999999999999999"])
def test_an_override_gets_a_clear_error_too(value: str, tmp_path: Path) -> None:
    told = refusal(tmp_path, "", f"grid.levels={value}")
    assert told.startswith("grid.levels = ")
    assert len(told) < 200


def test_a_byte_order_mark_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "hedgegrid.toml"
    path.write_bytes(b"\xef\xbb\xbf[grid]\nlevels = 3\n")
    assert load_config(path).grid.levels == 3


def test_the_least_and_largest_of_numbers_are_described(tmp_path: Path) -> None:
    path = tmp_path / "hedgegrid.toml"
    path.write_text(
        "[instrument]\nmin_notional = 999999999999\nmax_qty = 999999999999\n[grid]\nlevels = 50\nqty_scale = 0.5\n"
        f"base_qty = {Decimal('1e-100')}\n"
    )
    assert len(describe(load_config(path))) > 5
    assert check(path).wrong == ""
