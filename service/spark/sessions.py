"""The session that Spark works in: the caller's, that of ``spark-submit``, or one of our own on this machine."""

from __future__ import annotations

import os
import sys
from importlib.resources import files
from pathlib import Path

from pyspark import SparkContext
from pyspark.sql import SparkSession

from service.errors import SettingError

_FOLDER = "spark.candor.folder"  # tells that the application is ours, and where its files lie
_LINES = 2_000  # in one Arrow batch, which holds 2 GiB at most
_OURS = {
    "spark.sql.execution.arrow.maxRecordsPerBatch": str(_LINES),
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.files.ignoreCorruptFiles": "false",  # what is passed over has to be said
    "spark.sql.files.ignoreMissingFiles": "false",
}
_ALONE = {  # on this machine nobody else has business with it
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={files('service.spark') / 'log4j2.properties'}",
}


def session_for(given: SparkSession | None, master: str, work: Path | None) -> SparkSession:
    """Return a session with settings of its own in the Spark application that is given, submitted, or ours.

    ``master`` and ``work``, where charts may lie meanwhile, count for one of ours, which stays as long as that folder
    and the process. Raises ``SettingError``.
    """
    if given is None:
        _end_without_folder()
    running = given or SparkSession.getActiveSession()
    session = (running or _start(master, work)).newSession()
    for name, value in _OURS.items():
        session.conf.set(name, value)
    return session


def _end_without_folder() -> None:
    """End an application of ours whose folder went with its run: it has nowhere to write."""
    context = SparkContext._active_spark_context  # noqa: SLF001 - there is no other way to ask
    conf = context.getConf() if context is not None else None
    if context is not None and conf is not None and (folder := conf.get(_FOLDER)) and not Path(folder).is_dir():
        context.stop()


def _start(master: str, work: Path | None) -> SparkSession:
    builder = SparkSession.builder.appName("candor")
    submitted = "PYSPARK_GATEWAY_PORT" in os.environ  # by spark-submit, which knows the cluster
    if not submitted and SparkContext._active_spark_context is None:  # noqa: SLF001 - there is no other way to ask
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # any other one may lack what we need
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        builder = builder.master(master)
        for name, value in _ALONE.items():
            builder = builder.config(name, value)
        if work is not None:
            builder = builder.config("spark.local.dir", str(work)).config(_FOLDER, str(work))
    try:
        return builder.getOrCreate()
    except Exception as error:  # noqa: BLE001 - Java's, and those of its absence
        raise SettingError(
            f"Spark does not start ({type(error).__name__}): it needs Java 17 or newer (JAVA_HOME)."
        ) from None
