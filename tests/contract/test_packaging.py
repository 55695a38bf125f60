"""The wheel: built from the checkout, installed in an empty environment, it works from any folder."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted(ROOT.glob("requirements*.lock"))


def uv(*arguments: str | Path) -> None:
    """Run uv, and fail with what it says when it does."""
    done = subprocess.run([sys.executable, "-m", "uv", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the wheel, built from the checkout with the locked build back end."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("candor-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the programs' folder of an environment that holds the wheel and the locked dependencies, nothing else."""
    environment = tmp_path_factory.mktemp("environment")
    python = environment / "bin/python"
    uv("venv", "--quiet", "--clear", "--python", sys.executable, environment)
    uv("pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", ROOT / "requirements.lock")
    uv("pip", "install", "--quiet", "--python", python, "--no-deps", wheel)
    uv("pip", "check", "--quiet", "--python", python)
    return python.parent


def candor(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the installed script in `folder`, with no settings but a state folder there."""
    environment = {"PATH": os.defpath, "HOME": str(folder), "CANDOR_HOME": str(folder / "state"), "LANG": "C.UTF-8"}
    return subprocess.run(
        [installed / "candor", *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_wheel_carries_the_rules_and_the_licence(wheel: Path) -> None:
    """Every file of mappings/ is in the wheel under service/mappings/, beside LICENSE and NOTICE."""
    carried = set(zipfile.ZipFile(wheel).namelist())
    rules = {
        f"service/{path.relative_to(ROOT).as_posix()}"
        for path in (ROOT / "mappings").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert rules
    assert rules <= carried
    assert {Path(name).name for name in carried if "/licenses/" in name} == {"LICENSE", "NOTICE"}


def test_the_wheel_carries_the_steps_of_the_schema(wheel: Path) -> None:
    """A store is brought up to date by what is installed, without a checkout."""
    folder = "service/store/migrations/versions"
    steps = {f"{folder}/{path.name}" for path in (ROOT / folder).glob("v*.py")}

    assert steps
    assert steps <= set(zipfile.ZipFile(wheel).namelist())


@pytest.mark.slow
def test_demo_runs_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    """`candor demo` of an installed wheel screens its sample charts from another folder and exits 0."""
    demo = candor(installed, tmp_path, "demo")

    assert demo.returncode == 0, demo.stderr
    assert "potential-candidate" in demo.stdout


@pytest.mark.slow
def test_check_passes_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    """`candor check` of an installed wheel finds the definitions that it carries, and nothing wrong with them."""
    check = candor(installed, tmp_path, "check")

    assert check.returncode == 0, check.stdout + check.stderr
    assert "NCT06722105" in check.stdout + check.stderr


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_pins_by_hash_and_names_no_place(lock: Path) -> None:
    """Every requirement of a lock is one exact version with its hashes, and no line says where to fetch it."""
    text = lock.read_text(encoding="utf-8")
    requirements = re.split(r"\n(?=[a-z])", text)

    assert all(re.match(r"[a-z0-9._\[\]-]+==\S+ ", requirement) for requirement in requirements)
    assert all("--hash=sha256:" in requirement for requirement in requirements)
    assert not re.search(r"://|--index|--find-links|--trusted", text)


def test_the_runtime_lock_is_part_of_the_test_lock() -> None:
    """What runs in production is what was tested: each version of the runtime lock is in the test lock."""
    pin = re.compile(r"^[a-z0-9._\[\]-]+==\S+", re.MULTILINE)
    run, test = (
        set(pin.findall((ROOT / name).read_text())) for name in ("requirements.lock", "requirements-test.lock")
    )

    assert run <= test
