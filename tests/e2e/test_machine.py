"""What the machine around the command line may do to it: full disks, closed pipes, folders that take nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from shutil import copytree

import pytest

from service.study.load import default_mappings
from tests.e2e.test_command_line import DAY, Candor, ChartFile, folder_of


@pytest.mark.parametrize("options", [("--json",), ()])
def test_a_reader_that_has_read_enough_is_no_failure(chart_file: ChartFile, options: tuple[str, ...]) -> None:
    """`candor … | head` exits 0 and says nothing, as JSON and as a table."""
    folder = folder_of(chart_file, "01-shown-in-full", "02-early-disease", "03-french-codes")
    command = [sys.executable, "-m", "service", "screen", str(folder), *DAY, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()

    assert (process.returncode, said) == (0, b"")


@pytest.mark.parametrize("options", [("--json",), ()])
def test_a_full_disk_is_said(chart_file: ChartFile, options: tuple[str, ...]) -> None:
    """Results that the disk does not take are told in one sentence: done in part, exit 4."""
    command = [sys.executable, "-m", "service", "screen", str(chart_file("01-shown-in-full")), *DAY, *options]
    with Path("/dev/full").open("wb") as full:
        run = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)

    assert run.returncode == 4
    assert run.stderr.startswith(b"candor: results cannot be written (")
    assert run.stderr.count(b"\n") == 1


@pytest.mark.parametrize("command", ["demo", "check"])
def test_a_home_that_takes_nothing_is_3(
    candor: Candor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    """Where CANDOR_HOME is a file, or lies below one, the setting is named."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CANDOR_HOME", str(tmp_path / "file"))
    run = candor(command)

    assert run.code == 3
    assert "CANDOR_HOME: " in run.out + run.err
    assert "a bug" not in run.err


def test_check_says_what_serve_would_refuse(candor: Candor, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that `serve` refuses to listen on is found by `check` as well."""
    monkeypatch.setenv("CANDOR_HOST", "0.0.0.0")  # noqa: S104 - that is what is refused
    run = candor("check")

    assert run.code == 3
    assert "CANDOR_HOST: " in run.out


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"CANDOR_SMTP_HOST": "mail"}, "CANDOR_SMTP_FROM is not set"),
        ({"CANDOR_WEBHOOK_URL": "http://10.0.0.1/x", "CANDOR_WEBHOOK_TOKEN": "abc"}, "CANDOR_WEBHOOK_URL is not https"),
    ],
)
def test_check_says_what_discover_would_refuse(
    candor: Candor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: dict[str, str], said: str
) -> None:
    """Whom to tell of a search is wrong before the first night as well."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    search, check = candor("discover", "--source", tmp_path), candor("check")

    assert (search.code, check.code) == (3, 3)
    assert said in search.err
    assert said in check.out


@pytest.mark.parametrize(("public", "warned"), [(None, True), ("https://candor.hospital.example", False)])
def test_check_says_where_the_link_of_a_mail_leads(
    candor: Candor, monkeypatch: pytest.MonkeyPatch, public: str | None, *, warned: bool
) -> None:
    """Unless it is set, to this machine alone: no mistake, but of little use to who gets the mail."""
    monkeypatch.setenv("CANDOR_WEBHOOK_URL", "https://flow.hospital.example/")
    monkeypatch.delenv("CANDOR_PUBLIC_URL", raising=False)
    if public is not None:
        monkeypatch.setenv("CANDOR_PUBLIC_URL", public)
    check = candor("check")

    assert ("leads to http://127.0.0.1:8000." in check.out) is warned


@pytest.mark.parametrize("command", [("check",), ("review-sheet",), ("serve",)])
@pytest.mark.parametrize("file", ["units.yaml", "studies/NCT06722105/protocol.md"])
def test_a_definition_that_cannot_be_read_is_3(
    candor: Candor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: str, command: tuple[str, ...]
) -> None:
    """A definition that is there and cannot be opened is named."""
    mappings = copytree(default_mappings(), tmp_path / "mappings")
    (mappings / file).unlink()
    (mappings / file).mkdir()
    monkeypatch.setenv("CANDOR_MAPPINGS", str(mappings))
    run = candor(*command)

    assert run.code == 3
    assert f"{file}: the file cannot be read" in run.out + run.err


def test_results_that_would_go_nowhere_are_refused(chart_file: ChartFile) -> None:
    """With stdout closed nothing is screened: exit 2 and a sentence."""
    command = f'"{sys.executable}" -m service screen "{chart_file("01-shown-in-full")}" --json >&-'
    run = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)

    assert (run.returncode, run.stderr) == (2, "candor: stdout is closed: results would go nowhere.\n")
