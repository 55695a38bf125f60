"""The floor plan: imports go down only, the rules are pure, and each library enters by its own door."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter import cli

ROOT = Path(__file__).parents[2]
SERVICE = ROOT / "service"
MODULES = sorted(SERVICE.rglob("*.py"))
RULES = [module for module in MODULES if module.is_relative_to(SERVICE / "eligibility")]
LONGEST = 300

# With the time, a file or the network at hand, a rule would not give the same answer twice.
IMPURE = {"asyncio", "http", "io", "logging", "multiprocessing", "os", "pathlib", "random", "secrets", "shutil"} | {
    "socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile", "threading", "time", "urllib", "uuid",
}  # fmt: skip
CLOCKS = {"now", "today", "utcnow"}

# Library -> the only places of service/ that may import it.
DOORS = {
    "cryptography": ("hospital/keys.py", "trust/sealed.py"),
    "fastapi": ("api/", "worklist/", "app.py"),
    "httpx": ("hospital/transport.py",),
    "joserfc": ("hospital/keys.py", "trust/signed.py"),
    "opentelemetry": ("tracing.py",),
    "prometheus_client": ("metrics.py",),
    "requests": ("client_http.py",),
    "sqlalchemy": ("store/",),
    "typer": ("cli.py", "cli_discover.py", "cli_keys.py", "cli_store.py", "cli_subscriptions.py"),
    "yaml": ("study/", "api/openapi.py"),
}


def place(module: Path) -> str:
    """Return a module's path inside service/, which names it in messages."""
    return module.relative_to(SERVICE).as_posix()


def imports(module: Path) -> Iterator[str]:
    """Yield the full name of every module that `module` imports, anywhere in the file."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield f"{'service.' if node.level else ''}{node.module}"


def test_imports_go_down_only(capsys: pytest.CaptureFixture[str]) -> None:
    """Every import follows the floors that pyproject.toml draws."""
    kept = cli.lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True, no_logo=True)

    assert kept == cli.EXIT_STATUS_SUCCESS, capsys.readouterr().out


@pytest.mark.parametrize("module", RULES, ids=place)
def test_rules_use_the_standard_library_alone_and_nothing_impure(module: Path) -> None:
    """A module of eligibility/ imports its neighbours and pure parts of the standard library, and reads no clock."""
    foreign = {name for name in imports(module) if not name.startswith("service.eligibility")}
    roots = {name.split(".")[0] for name in foreign}
    calls = {node.attr for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Attribute)}

    assert roots <= sys.stdlib_module_names
    assert not roots & IMPURE
    assert not calls & CLOCKS


@pytest.mark.parametrize("library", DOORS)
def test_a_library_enters_by_its_own_door(library: str) -> None:
    """A library with a door is imported there and nowhere else, so that replacing it touches one place."""
    users = {place(module) for module in MODULES if library in {name.split(".")[0] for name in imports(module)}}

    assert {user for user in users if not user.startswith(DOORS[library])} == set()


def test_who_screens_a_file_waits_for_no_database() -> None:
    """The command line loads without SQLAlchemy, whose import takes longer than a screening."""
    loaded = "import sys, service.cli; print(*{name.split('.')[0] for name in sys.modules})"
    run = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)

    assert not {"sqlalchemy", "alembic", "psycopg", "fastapi", "httpx"} & set(run.stdout.split())


def test_fhir_models_are_of_r4b() -> None:
    """FHIR models come from the R4B sub-package: the root package of fhir.resources is R5."""
    models = {name for module in MODULES for name in imports(module) if name.split(".")[0] == "fhir"}

    assert {name for name in models if not name.startswith("fhir.resources.R4B")} == set()


@pytest.mark.parametrize("module", MODULES, ids=place)
def test_a_module_is_short_and_says_what_it_owns(module: Path) -> None:
    """A module has a docstring and at most 300 lines: a longer one holds two things."""
    text = module.read_text(encoding="utf-8")

    assert ast.get_docstring(ast.parse(text))
    assert len(text.splitlines()) <= LONGEST
