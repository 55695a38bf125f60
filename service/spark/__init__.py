"""The search of a whole export on Spark: of the extra ``candor[spark]``, and imported only where it is asked for."""

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from service.errors import SettingError

for _name in ("pyspark", "pyarrow", "pandas"):
    if find_spec(_name) is None:  # pyspark may come from spark-submit, which no installer knows
        raise SettingError(f"The engine spark needs {_name}: pip install 'candor[spark]', and Java 17.")
try:
    _pandas = int(version("pandas").partition(".")[0])
except (PackageNotFoundError, ValueError):
    _pandas = 0
if _pandas > 2:  # noqa: PLR2004 - Spark does not know it yet
    raise SettingError("The engine spark needs pandas before 3: pip install 'candor[spark]'.")
