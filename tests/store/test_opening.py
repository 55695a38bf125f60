"""How a store is opened: brought up to date, refused where it would come to harm, out of reach for strangers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from service.errors import InputError, SettingError, TryLater
from service.store import migrate
from service.store.database import Database, examine, opened
from service.store.local_disk import refuse_network_disk
from service.store.store import SqlStore, open_store
from service.store.tables import metadata
from service.work.model import JobState, Key
from service.work.ports import StoreDown
from tests.servers.postgres.cluster import new_database
from tests.store.conftest import Open, claimed, job

MOUNTS = """\
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 21 0:40 / /srv rw,relatime - {kind} server:/export rw
31 30 8:2 / /srv/local\\040disk rw,relatime - xfs /dev/sdb1 rw
32 21 0:41 / /over rw - {kind} server:/a rw
33 21 8:3 / /over rw - ext4 /dev/sdc1 rw
"""


def run(database: Database, statement: str) -> None:
    """Run one statement."""
    database.now(lambda connection: connection.execute(text(statement)))


def test_the_steps_make_the_tables(store: SqlStore) -> None:
    """What the migrations make is what the code reads and writes, no column more or less."""

    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    assert store.database.now(differences) == []


def test_a_newer_schema_is_refused(open_again: Open) -> None:
    """A store that a newer version has worked with is left alone."""
    with open_again() as store:
        run(store.database, "UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(SettingError, match=r"schema \(9999\) is of a newer version"), open_again():
        pass


@pytest.mark.anyio
async def test_versions_without_their_server_are_forgotten(open_again: Open) -> None:
    """A store of before versions had a full address holds none that could be taken for another server's."""
    with open_again() as store:
        await store.wrote("ResearchSubject/1/_history/1")
        run(store.database, "ALTER TABLE jobs DROP COLUMN promised")  # later steps
        run(store.database, "ALTER TABLE screenings DROP COLUMN confirmed")
        run(store.database, "DROP TABLE runs")
        run(store.database, "DROP TABLE run_people")
        run(store.database, "UPDATE alembic_version SET version_num = '0002'")
    with open_again() as store:
        assert await store.ours("ResearchSubject/1/_history/1") is False


@pytest.mark.anyio
async def test_opening_again_keeps_everything(open_again: Open) -> None:
    """A store that is up to date is opened as it is."""
    with open_again() as store:
        await store.accept(job())
    with open_again() as store:
        assert await store.standing("a") is JobState.READY


def test_the_last_step_is_named() -> None:
    """A store at that step is opened without looking at the others."""
    steps = ScriptDirectory(str(Path(migrate.__file__).parent / "migrations"))
    assert steps.get_current_head() == migrate.HEAD


def test_a_command_needs_a_store_that_is_up_to_date(url: str | None, tmp_path: Path) -> None:
    """An operator's command changes no schema: without the service's it says so."""
    with pytest.raises(SettingError, match="start the service once"), opened(url, tmp_path, alone=False):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.anyio
async def test_what_ran_when_the_service_ended_runs_again_at_once(tmp_path: Path) -> None:
    """On SQLite nobody else can hold a lease at start, so none is waited for; it counts as broken off."""
    with open_store(None, tmp_path) as store:
        await store.accept(job())
        await claimed(store)
    with open_store(None, tmp_path) as store:
        held = await claimed(store)

    assert (held.attempts, held.strikes) == (2, 1)


def test_a_second_service_is_refused(tmp_path: Path) -> None:
    """One process works with an SQLite file; when it has ended, however it did, another may: waiting is enough."""
    holder = (
        "import sys, time; from pathlib import Path; from service.store.store import open_store\n"
        "with open_store(None, Path(sys.argv[1])): print('open', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", holder, tmp_path], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(TryLater, match="another service or run works with"), open_store(None, tmp_path):
            pass
        other.kill()
    with open_store(None, tmp_path):
        pass


@pytest.mark.anyio
async def test_a_command_works_beside_the_service(tmp_path: Path) -> None:
    """An operator's command reads and writes while the service has the store open."""
    with open_store(None, tmp_path) as store, opened(None, tmp_path, alone=False) as beside:
        await SqlStore(beside).accept(job())
        held = await claimed(store)

    assert held.id == "a"


def test_results_are_for_nobody_else_to_read(tmp_path: Path) -> None:
    """The file of the store is its owner's alone, and so is its journal."""
    with open_store(None, tmp_path):
        modes = {path.name: path.stat().st_mode & 0o077 for path in tmp_path.iterdir() if path.suffix != ".lock"}

    assert set(modes) == {"candor.db", "candor.db-wal", "candor.db-shm"}
    assert set(modes.values()) == {0}


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "ceph", "fuse.s3fs", "glusterfs"])
@pytest.mark.parametrize("folder", ["/srv", "/srv/candor"])
def test_a_network_disk_is_refused(tmp_path: Path, kind: str, folder: str) -> None:
    """SQLite's locks do not hold on a network disk: the message says what to do instead."""
    (tmp_path / "mounts").write_text(MOUNTS.format(kind=kind))

    with pytest.raises(SettingError, match=rf"CANDOR_STORE: {folder} lies on a network disk \({kind}\).*PostgreSQL"):
        refuse_network_disk(Path(folder), tmp_path / "mounts")


@pytest.mark.parametrize("folder", ["/home", "/srv/local disk/candor", "/srvx", "/over/candor"])
def test_a_local_disk_is_taken(tmp_path: Path, folder: str) -> None:
    """A local disk is taken, also one that is mounted inside or over a network disk."""
    (tmp_path / "mounts").write_text(MOUNTS.format(kind="nfs4"))

    refuse_network_disk(Path(folder), tmp_path / "mounts")


def test_where_mounts_are_not_told_a_disk_is_taken(tmp_path: Path) -> None:
    """A system that tells no mounts is believed to have local disks."""
    refuse_network_disk(tmp_path, tmp_path / "nothing")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("rubbish secret", "no database URL"),
        ("mysql://user:secret@host/db", "sqlite:///FILE or a postgresql"),
        ("sqlite://", "name a file"),
        ("postgresql://candor:secret@127.0.0.1:1/candor", "the database cannot be used"),
    ],
)
def test_a_store_that_cannot_be_used_is_said(tmp_path: Path, url: str, said: str) -> None:
    """What is wrong with the setting is said, and never its value, which may hold a password."""
    with pytest.raises(SettingError, match=f"CANDOR_STORE: .*{said}") as refused, opened(url, tmp_path, alone=True):
        pass
    assert "secret" not in str(refused.value)


def test_a_store_is_examined_without_being_changed(open_again: Open, url: str | None, tmp_path: Path) -> None:
    """What a service would be refused is found before it starts; what it would make or renew is no fault."""
    examine(url, tmp_path)
    assert not list(tmp_path.iterdir())
    with open_again() as store:
        examine(url, tmp_path)
        run(store.database, "UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(SettingError, match="is of a newer version"):
        examine(url, tmp_path)


def test_a_folder_that_takes_nothing_is_said(tmp_path: Path) -> None:
    """Where the folder cannot be made, the setting is named."""
    (tmp_path / "file").touch()

    with pytest.raises(SettingError, match="CANDOR_HOME: nothing can be kept"), open_store(None, tmp_path / "file/x"):
        pass


@pytest.mark.anyio
async def test_a_store_that_takes_nothing_is_not_ready(store: SqlStore) -> None:
    """A store that can be read and not written says so when it is asked, and loses nothing."""
    await store.check()
    if store.database.engine.dialect.name == "sqlite":
        run(store.database, "PRAGMA query_only = ON")
    else:
        run(store.database, "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
    with pytest.raises(StoreDown):
        await store.check()
    with pytest.raises(StoreDown):
        await store.accept(job())


@pytest.mark.servers
@pytest.mark.anyio
async def test_a_value_that_is_no_databases_is_refused(postgres: str, tmp_path: Path) -> None:
    """It is the fault of what was brought, and is not repeated; nothing of the transaction is kept."""
    with new_database(postgres) as url, open_store(url, tmp_path) as store:
        with pytest.raises(InputError, match="no database takes") as refused:
            await store.accept(job(patient="Patient/secret\0"), key=Key("me", "k", "body"))
        again = await store.accept(job("b"), key=Key("me", "k", "body"))

    assert (refused.value.code, "secret" in str(refused.value), again.again) == ("not-storable", False, False)


@pytest.mark.servers
@pytest.mark.anyio
async def test_a_database_that_comes_back_is_used_again(postgres: str, tmp_path: Path) -> None:
    """When all connections were cut, as by a restart of PostgreSQL, the next call works."""
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
    with new_database(postgres) as url, open_store(url, tmp_path) as store:
        await store.check()
        with psycopg.connect(url, autocommit=True) as other:
            other.execute(cut, [other.info.dbname])
        await store.accept(job())

        assert await store.standing("a") is JobState.READY
