"""The search of a whole export on Spark: of the extra ``candor[spark]``, and imported only where it is asked for."""

from importlib.metadata import PackageNotFoundError, version

from service.errors import SettingError

try:
    for _name in ("pyspark", "pyarrow", "pandas"):
        if _name == "pandas" and not version(_name).startswith(("1.", "2.")):
            raise SettingError("The engine spark needs pandas before 3: pip install 'candor[spark]'.")
        version(_name)
except PackageNotFoundError as _error:
    raise SettingError(f"The engine spark needs {_error.name}: pip install 'candor[spark]', and Java 17.") from None
