"""Evidently's DataDriftPreset on two Parquet files: prints its CPU seconds, without those of the import.

A program of its own, for the import takes 280 MB and warns.
"""

import json
import sys
import time
import warnings


def main() -> None:
    warnings.simplefilter("ignore")
    import pandas as pd  # noqa: PLC0415  an optional extra
    from evidently import Report  # type: ignore[import-untyped]  # noqa: PLC0415
    from evidently.presets import DataDriftPreset  # type: ignore[import-untyped]  # noqa: PLC0415

    reference, window = (pd.read_parquet(path) for path in sys.argv[1:3])
    began = time.process_time()
    Report([DataDriftPreset()]).run(window, reference)
    print(json.dumps(time.process_time() - began))


if __name__ == "__main__":
    main()
