"""What watchtower says became of each request, so that no figure is bought by dropping."""

import urllib.request
from collections import Counter
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from watchtower.metrics.catalogue import JOURNAL_DROPPED, JOURNAL_RECORDS, REQUEST_OUTCOMES, SHADOW_OUTCOMES
from watchtower.record import ShadowOutcome


@dataclass(frozen=True, slots=True)
class Account:
    """All that was counted since the start."""

    requests: int
    records: int  # journaled, of primaries and shadows together
    dropped: Counter[str]  # by the journal, by reason
    shadow: Counter[str]  # requests to shadows, by outcome

    def lost_since(self, before: "Account", answered: int) -> dict[str, int]:
        """Every request that did not leave all its records, by why; empty when none is lost.

        `answered` is what the client counted, without those that were on their way when it stopped.
        """
        dropped, shadow = self.dropped - before.dropped, self.shadow - before.shadow
        requests = self.requests - before.requests
        expected = max(requests, answered) + shadow.total()
        lost = {f"journal {reason}": number for reason, number in dropped.items()}
        # A request that a shadow was not asked leaves its record all the same, but for what its sample left out.
        expected -= shadow[ShadowOutcome.SKIPPED_BY_SAMPLE]
        if unexplained := expected - (self.records - before.records) - dropped.total():
            lost["unexplained"] = abs(unexplained)
        lost |= {f"shadow {outcome}": number for outcome, number in shadow.items() if outcome != ShadowOutcome.ANSWERED}
        return lost


def read(admin: int) -> Account:
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics", timeout=5) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    samples = [sample for family in families for sample in family.samples]
    by_name: dict[str, Counter[str]] = {
        metric.full_name: Counter() for metric in (REQUEST_OUTCOMES, JOURNAL_RECORDS, JOURNAL_DROPPED, SHADOW_OUTCOMES)
    }
    for sample in samples:
        if sample.name in by_name:
            kind = sample.labels.get("reason") or sample.labels.get("outcome") or ""
            by_name[sample.name][kind] += int(sample.value)
    requests, records, dropped, shadow = by_name.values()
    return Account(requests.total(), records.total(), dropped, shadow)
