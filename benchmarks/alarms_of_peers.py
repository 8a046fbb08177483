"""How often other tools call unchanged columns drifted: the same thirty columns, each tool's own defaults.

As a program (`python benchmarks/alarms_of_peers.py TOOL ROWS WINDOWS`) it runs one of them and prints what it found: a
tool may want an interpreter of its own, for its pins contradict ours. NannyML's is named by NANNYML_PYTHON.
"""

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.alarm_columns import Words, columns
from benchmarks.process import note
from benchmarks.report import Table

_REFERENCE: Final = 5_000
_SIZES: Final = (50, 200, 1_000)
_ROOT: Final = Path(__file__).parent.parent


def run(windows: int, folder: Path) -> list[dict[str, Any]]:
    """A row for each tool and size of window; what is not installed says so."""
    interpreters = {"Evidently": sys.executable, "NannyML": os.environ.get("NANNYML_PYTHON", sys.executable)}
    return [_run(tool, python, rows, windows, folder) for tool, python in interpreters.items() for rows in _SIZES]


def _run(tool: str, python: str, rows: int, windows: int, folder: Path) -> dict[str, Any]:
    note(f"alarms: {tool}, windows of {rows}")
    command = [python, "-m", "benchmarks.alarms_of_peers", tool, str(rows), str(windows)]
    environment = {**os.environ, "PYTHONPATH": str(_ROOT), "HOME": str(folder)}  # no tool finds or leaves anything
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=_ROOT, env=environment)
    if done.returncode:
        return {"tool": tool, "rows": rows, "error": done.stderr.strip().rpartition("\n")[2]}
    found: dict[str, Any] = json.loads(done.stdout.rpartition("RESULT ")[2])
    return {"tool": tool, "rows": rows, **found}


def table(found: Sequence[Mapping[str, Any]]) -> Table:
    header = ("tool", "window", "windows", "unchanged columns called drifted", "unchanged windows with an alarm")
    return Table(
        f"The same columns, unchanged, by others (reference of {_REFERENCE:,})", header, [_row(each) for each in found]
    )


def _row(each: Mapping[str, Any]) -> tuple[str, ...]:
    if "error" in each:
        return each["tool"], f"{each['rows']:,}", "0", "did not run", each["error"][:60]
    columns_told, windows_told = f"{each['columns']:.1%}", f"{each['any']:.0%}"
    return f"{each['tool']} {each['version']}", f"{each['rows']:,}", str(each["windows"]), columns_told, windows_told


def _frame(rng: np.random.Generator, rows: int) -> Any:
    return import_module("pandas").DataFrame({name: source.sample(rng, rows) for name, source in columns().items()})


def _evidently(rng: np.random.Generator, rows: int, windows: int) -> tuple[str, list[list[bool]]]:
    evidently, presets = import_module("evidently"), import_module("evidently.presets")
    reference = evidently.Dataset.from_pandas(_frame(rng, _REFERENCE))
    told = []
    for _ in range(windows):
        current = evidently.Dataset.from_pandas(_frame(rng, rows))
        found = evidently.Report([presets.DataDriftPreset()]).run(current, reference).dict()
        told.append([_is_drifted(metric) for metric in found["metrics"] if "ValueDrift" in metric["metric_name"]])
    return evidently.__version__, told


def _is_drifted(metric: Mapping[str, Any]) -> bool:
    """A p-value drifts below its threshold, a distance above."""
    name = metric["metric_name"]
    threshold = float(name.rpartition("threshold=")[2].rstrip(")"))
    return bool(metric["value"] < threshold if "p_value" in name else metric["value"] >= threshold)


def _nannyml(rng: np.random.Generator, rows: int, windows: int) -> tuple[str, list[list[bool]]]:
    nannyml = import_module("nannyml")
    words = [name for name, source in columns().items() if isinstance(source, Words)]
    calculator = nannyml.UnivariateDriftCalculator(
        column_names=list(columns()), treat_as_categorical=words, chunk_size=rows
    )
    calculator.fit(_frame(rng, _REFERENCE))
    found = calculator.calculate(_frame(rng, rows * windows)).filter(period="analysis").to_df()
    alerts = [column for column in found.columns if column[-1] == "alert"]
    return nannyml.__version__, found[alerts].to_numpy(dtype=bool).tolist()


_TOOLS: Final[dict[str, Callable[[np.random.Generator, int, int], tuple[str, list[list[bool]]]]]] = {
    "Evidently": _evidently,
    "NannyML": _nannyml,
}


def main() -> None:
    warnings.simplefilter("ignore")
    tool, rows, windows = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    version, told = _TOOLS[tool](np.random.default_rng(rows), rows, windows)
    alarms = np.array(told)
    result = {"version": version, "windows": len(alarms), "columns": alarms.mean(), "any": alarms.any(axis=1).mean()}
    print("RESULT", json.dumps(result))


if __name__ == "__main__":
    main()
