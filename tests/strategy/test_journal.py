"""The append-only record: no gap in its numbers, nothing lost but a torn last line."""

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from strategy import journal as journal_module
from strategy.journal import SYNCED, Journal, JournalError


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def written(path: Path, count: int) -> Path:
    journal = Journal(path)
    for number in range(count):
        journal.write("order", number, event="submit", price="60000.0")
    journal.close()
    return path


def test_lines_are_numbered_from_one_without_a_gap(tmp_path: Path) -> None:
    path = written(tmp_path / "deep" / "journal.jsonl", 5)
    assert [line["seq"] for line in lines_of(path)] == [1, 2, 3, 4, 5]
    assert lines_of(path)[1] == {"seq": 2, "ts": 1, "kind": "order", "event": "submit", "price": "60000.0"}


def test_the_latest_lines_are_remembered_as_they_stand_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "LATEST", 3)
    journal = Journal(written(tmp_path / "journal.jsonl", 2))
    assert journal.latest(0) == (), "an earlier session's lines are not this one's"
    for number in range(5):
        journal.write("order", number)
    stands = (tmp_path / "journal.jsonl").read_bytes().splitlines(keepends=True)
    assert journal.latest(0) == tuple(stands[-3:])
    assert journal.latest(6) == (stands[-1],)
    assert journal.latest(7) == ()


def test_a_reopened_journal_goes_on(tmp_path: Path) -> None:
    path = written(written(tmp_path / "journal.jsonl", 3), 2)
    assert [line["seq"] for line in lines_of(path)] == [1, 2, 3, 4, 5]
    assert Journal(path).torn is False


def test_a_last_line_longer_than_a_block_is_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "TAIL_BLOCK", 7)
    assert Journal(written(tmp_path / "journal.jsonl", 12)).seq == 12


def test_a_last_line_torn_anywhere_is_dropped_and_said(tmp_path: Path) -> None:
    whole = written(tmp_path / "journal.jsonl", 2).read_bytes()
    start = whole.index(b"\n") + 1
    for end in range(start + 1, len(whole)):
        path = tmp_path / f"torn-{end}.jsonl"
        path.write_bytes(whole[:end])
        journal = Journal(path)
        assert (journal.torn, journal.seq) == (True, 1)
        journal.write("act", 9)
        journal.close()
        assert [line["seq"] for line in lines_of(path)] == [1, 2]


def test_a_first_line_that_is_torn_leaves_an_empty_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"seq":1,"ts"')
    journal = Journal(path)
    assert (journal.torn, journal.seq, path.read_bytes()) == (True, 0, b"")


@pytest.mark.parametrize("text", ["no json\n", "[1]\n", '{"ts": 1}\n', '{"seq": null}\n', '{"seq": "x"}\n'])
def test_a_foreign_file_is_refused_with_its_name_and_the_cure(tmp_path: Path, text: str) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(JournalError, match=r"journal\.jsonl: its last line is no journal line; move the file away"):
        Journal(path)
    assert path.read_text(encoding="utf-8") == text


def test_a_file_that_cannot_be_opened_names_another_folder_as_the_cure(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("", encoding="utf-8")
    with pytest.raises(JournalError, match="choose another --state-dir"):
        Journal(tmp_path / "taken" / "journal.jsonl")


def test_acts_states_receipts_alarms_and_errors_are_on_disk_before_the_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    journal = Journal(tmp_path / "journal.jsonl")
    for kind in ("order", "fill", "gate", "equity", "funding"):
        journal.write(kind, 1)
    assert synced == []
    for kind in sorted(SYNCED):
        journal.write(kind, 1)
    assert len(synced) == len(SYNCED) == 7


def test_a_write_that_the_system_takes_in_pieces_is_still_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, data: real(file, data[:5]))
    assert len(lines_of(written(tmp_path / "journal.jsonl", 3))) == 3


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    assert written(tmp_path / "journal.jsonl", 1).stat().st_mode & 0o777 == 0o600


def test_a_line_that_cannot_be_written_takes_no_number(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    with pytest.raises(TypeError):
        journal.write("act", 1, detail=object())
    journal.write("act", 2, detail=Decimal("1.50"))
    assert [line["seq"] for line in lines_of(path)] == [1]


def test_lines_that_a_full_disk_refuses_wait_and_are_written_whole_and_in_sequence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.write("order", 1)
    real = os.write
    pieces = [5]

    def full(file: int, data: bytes) -> int:
        if not pieces:
            raise OSError(28, "No space left on device")
        return real(file, data[: pieces.pop()])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        journal.write("order", 2)
        journal.write("error", 3)
        assert journal.failure == "No space left on device"
        assert [line["ts"] for line in lines_of(path)] == [1]
    journal.write("order", 4)
    assert journal.failure == ""
    assert [(line["seq"], line["ts"]) for line in lines_of(path)] == [(1, 1), (2, 2), (3, 3), (4, 4)]


def test_closing_writes_what_waits_and_never_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_file: int, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    for name, still_full in (("first", False), ("second", True)):
        path = tmp_path / name
        journal = Journal(path)
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full)
            journal.write("order", 1)
            journal.write("order", 2)
            if still_full:
                assert (journal.close(), journal.failure) == (2, "No space left on device")
        if not still_full:
            assert (journal.close(), journal.failure) == (0, "")
        assert len(lines_of(path)) == (0 if still_full else 2)


def test_lines_that_were_written_and_cannot_be_synced_at_the_end_are_a_failure_though_none_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_file: int) -> None:
        raise OSError(5, "Input/output error")

    journal = Journal(tmp_path / "journal.jsonl")
    journal.write("order", 1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", broken)
        assert (journal.close(), journal.failure) == (0, "Input/output error")


@pytest.mark.parametrize("text", ["my only notes", "first line\nlast line without an end"])
def test_a_foreign_file_without_a_last_line_break_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(JournalError):
        Journal(path)
    assert path.read_text(encoding="utf-8") == text
