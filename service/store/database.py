"""One database, opened: SQLite on a local disk or PostgreSQL; functions run over it in threads, in transactions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from service.errors import InputError, SettingError
from service.store.local_disk import only_one, refuse_network_disk
from service.store.migrate import migrate, refuse_newer, refuse_other_schema
from service.work.ports import StoreDown

P = ParamSpec("P")
T = TypeVar("T")

SQLITE, POSTGRESQL = "sqlite", "postgresql"
_FILE = "candor.db"
_BUSY = 10  # seconds that a transaction of SQLite waits for one of an operator's command
_CONNECTIONS = 8  # of one process to PostgreSQL
_LIMITS = {
    "lock_timeout": "10s",
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "20s",  # a process that hangs keeps nobody's rows
    "timezone": "UTC",
}
_POSTGRESQL = {
    "pool_size": _CONNECTIONS,
    "max_overflow": 0,
    "pool_timeout": _BUSY,
    "pool_pre_ping": True,
    "connect_args": {
        "connect_timeout": 5,
        "options": " ".join(f"-c {it}={_LIMITS[it]}" for it in _LIMITS),
    },
}
_NOT_NOW = (OperationalError, InterfaceError, InternalError, PoolTimeout)


class Database:
    """Runs functions over a connection, each in a transaction of its own."""

    def __init__(self, engine: Engine, threads: ThreadPoolExecutor) -> None:
        self.engine, self._threads = engine, threads

    async def run(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``function`` in a thread. Raises ``StoreDown``, ``InputError``, and as ``function``; all roll back."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: self.now(function, *args, **kwargs))

    def now(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``function`` here. Raises as ``run``."""
        try:
            with self.engine.begin() as connection:
                return function(connection, *args, **kwargs)
        except DataError:  # the driver's own words may repeat values, here and below
            raise InputError("What was to be kept holds a value that no database takes.", "not-storable") from None
        except _NOT_NOW as error:
            raise StoreDown(f"The store takes or gives nothing now ({type(error).__name__}).") from None

    def tidy(self) -> None:
        """Have SQLite write over what was deleted now; otherwise its journal keeps it for a while."""
        if self.engine.dialect.name == SQLITE:
            with closing(self.engine.raw_connection()) as connection:  # outside of any transaction
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def opened(url: str | None, home: Path, *, alone: bool) -> Iterator[Database]:
    """Open the store; ``None``: an SQLite file under ``home``.

    ``alone``: as a service, which brings the schema up to date and is the only one with an SQLite file; otherwise
    as a command, for a few short transactions beside it. Raises ``SettingError`` where it cannot be used, and
    ``TryLater`` where another process is the only one now.
    """
    place = _place(url, home)
    with ExitStack() as stack:
        file = _file_of(place)
        if file is not None and alone:
            _prepare(file)
            stack.enter_context(only_one(file))
        elif file is not None and not file.is_file():
            raise SettingError(f"CANDOR_STORE: there is no {file}: start the service once.")
        yield stack.enter_context(_connected(place, migrate if alone else refuse_other_schema))


def examine(url: str | None, home: Path) -> None:
    """Raise ``SettingError`` where a service could not use the store; nothing is made or changed."""
    place = _place(url, home)
    file = _file_of(place)
    if file is not None:
        refuse_network_disk(file.parent)
    if file is None or file.is_file():
        with _connected(place, refuse_newer):
            pass


@contextmanager
def _connected(place: URL, begin: Callable[[Connection], object]) -> Iterator[Database]:
    """Connect, and ``begin`` with the schema."""
    local = place.get_backend_name() == SQLITE
    engine = _sqlite(place) if local else create_engine(place, hide_parameters=True, **_POSTGRESQL)
    # SQLite has one writer: more threads would only wait for one another.
    with ThreadPoolExecutor(1 if local else _CONNECTIONS, "store") as threads:
        database = Database(engine, threads)
        try:
            _begin(database, begin)
            yield database
        finally:
            engine.dispose()


def _begin(database: Database, begin: Callable[[Connection], object]) -> None:
    try:
        database.now(begin)
    except StoreDown as error:
        raise SettingError(f"CANDOR_STORE: the database cannot be used: {error}") from None


def _file_of(place: URL) -> Path | None:
    return Path(place.database or "") if place.get_backend_name() == SQLITE else None


def _place(url: str | None, home: Path) -> URL:
    if url is None:
        return URL.create(SQLITE, database=str(home / _FILE))
    try:
        place = make_url(url)
    except ArgumentError:
        raise SettingError("CANDOR_STORE: it is no database URL such as postgresql://user@host/candor.") from None
    if place.get_backend_name() not in (SQLITE, POSTGRESQL):
        raise SettingError("CANDOR_STORE: set an sqlite:///FILE or a postgresql://… URL.")
    if place.get_backend_name() == SQLITE and place.database in (None, "", ":memory:"):
        raise SettingError("CANDOR_STORE: name a file: sqlite:////var/lib/candor/candor.db.")
    return place.set(drivername="postgresql+psycopg") if place.get_backend_name() == POSTGRESQL else place


def _prepare(file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        refuse_network_disk(file.parent)
        file.touch(0o600)  # results are for nobody else to read
    except OSError as error:
        raise SettingError(f"CANDOR_HOME: nothing can be kept in {file.parent} ({error.strerror}).") from None


def _sqlite(place: URL) -> Engine:
    engine = create_engine(place, hide_parameters=True, connect_args={"timeout": _BUSY})

    @event.listens_for(engine, "connect")
    def _(connection: object, _record: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]  # SQLAlchemy begins and ends transactions
        for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
            connection.execute(f"PRAGMA {setting}")  # type: ignore[attr-defined]

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        # A transaction that begins by reading could not always go on to write.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
