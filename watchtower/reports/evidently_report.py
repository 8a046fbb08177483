"""`python -m watchtower.reports.evidently_report DESCRIPTION`: draw one report with Evidently, in a process of its own.

Evidently takes seconds and hundreds of megabytes to import, refuses pandas 3, and its text and plotting libraries write
where they like; a plane can live with none of that. This is the only file that imports it.
"""

import html
import sys
from pathlib import Path

import msgspec
import pandas as pd
from evidently import DataDefinition, Dataset, Report  # type: ignore[import-untyped]
from evidently.presets import DataDriftPreset, DataSummaryPreset  # type: ignore[import-untyped]

from watchtower.reports.description import Description


def main() -> None:
    description = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Description)
    definition = DataDefinition(
        numerical_columns=list(description.numerical),
        categorical_columns=list(description.categorical),
        datetime_columns=[],
        text_columns=[],
    )
    reference, current = (
        Dataset.from_pandas(pd.read_parquet(path), definition) for path in (description.reference, description.current)
    )
    snapshot = Report([DataDriftPreset(), DataSummaryPreset()]).run(current, reference)
    page = headed(snapshot.get_html_str(as_iframe=False), description)
    Path(description.output).write_text(page, encoding="utf-8")


def headed(page: str, description: Description) -> str:
    """The page with its title, and what a reader must know of its making."""
    title = html.escape(description.title)
    notes = "".join(f"<p>{html.escape(note)}</p>" for note in description.notes)
    head = f'<div style="font-family: sans-serif; margin: 1em 2em"><h1>{title}</h1>{notes}</div>'
    page = page.replace("<head>", f"<head><title>{title}</title>", 1)
    return page.replace("<body>", f"<body>{head}", 1)


if __name__ == "__main__":
    main()
