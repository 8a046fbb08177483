"""What watchtower says became of each record, so that no figure is bought by dropping."""

import urllib.request
from collections import Counter
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

_DROPPED: Final = "watchtower_journal_dropped_total"
_SHADOW: Final = "watchtower_shadow_outcomes_total"


def lost(admin: int) -> Counter[str]:
    """Records that the journal dropped, and mirrored requests that were not answered, by reason, since the start."""
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics", timeout=5) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    found: Counter[str] = Counter()
    for sample in (sample for family in families for sample in family.samples):
        if sample.name == _DROPPED:
            found["journal"] += int(sample.value)
        elif sample.name == _SHADOW and sample.labels["outcome"] != "answered":
            found[sample.labels["outcome"]] += int(sample.value)
    return found
