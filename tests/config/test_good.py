import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
import trustme

from watchtower.analyst.settings import AnalystSettings
from watchtower.compare.settings import BudgetSettings, CompareSettings, LatencyMargin, ScoreSettings
from watchtower.config.load import load
from watchtower.config.model import Config, EndpointConfig, Protocol, decode, encode
from watchtower.control.settings import AdminSettings, LogSettings
from watchtower.drift.settings import BaselineSettings, DriftSettings, LiveSettings
from watchtower.journal.settings import CaptureSettings
from watchtower.mirror.settings import HeaderSettings, SampleBySettings, ShadowSettings
from watchtower.payload.registry import ADAPTERS
from watchtower.payload.settings import ColumnSettings, MappingSettings
from watchtower.performance.settings import PerformanceSettings, Task
from watchtower.proxy.settings import DrainSettings, KeySettings, ListenSettings, MatchSettings, VariantSettings
from watchtower.reports.settings import ReportSettings
from watchtower.store.settings import StoreSettings
from watchtower.table import Kind
from watchtower.units import Secret
from watchtower.upstream.settings import PoolSettings, TlsClientSettings

GOOD = Path(__file__).parent / "good"
ENVIRON = {"WATCHTOWER_ADMIN_TOKEN": "sesame: {open}", "WORKERS": "2"}
EVERYTHING = Config(
    listen=ListenSettings(address="[::1]:8080"),
    admin=AdminSettings(listen="0.0.0.0:9900", token=Secret("sesame"), probe="/v2/health/ready", probe_timeout=0.5),
    data_dir="/var/lib/watchtower",
    workers=2,
    endpoints=(
        EndpointConfig(
            name="churn",
            match=MatchSettings(host="*.example.com", path="/v1"),
            variants=(
                VariantSettings(name="blue", url="http://127.0.0.1:8000", weight=95.0),
                VariantSettings(name="green", url="unix:/run/green.sock", weight=5.0),
            ),
            sticky=KeySettings(header="x-user-id"),
            pool=PoolSettings(max_connections=8, total_timeout=None, keep_alive=0.0),
            retry="never",
            rewrite_host=False,
            max_body=2**30,
            shadows=(
                ShadowSettings(
                    name="on",
                    url="https://127.0.0.1:8001/models",
                    sample=0.25,
                    sample_by=SampleBySettings(cookie="user"),
                    timeout=90.0,
                    max_queue=2**24,
                    headers=HeaderSettings(
                        add={"x-released": "2026-11-01"}, replace={"x-cost": "${not a variable}"}, drop=("x-debug",)
                    ),
                    path="/old=/new",
                    tls=TlsClientSettings(verify=False),
                    twin=True,
                ),
            ),
            protocol="mapped",
            mapping=MappingSettings(
                inputs=(ColumnSettings(name="age", path="$.customer.age", kind=Kind.INTEGER),),
                outputs=(ColumnSettings(name="p", path="$.p"),),
                output_rows="$.answers[*]",
            ),
            compare=CompareSettings(
                tolerance=0.001,
                columns={"p": "score", "words": "text"},
                ignore=("$.took_ms", "secret"),
                segments=("country", "header:user-agent"),
                score=ScoreSettings(column="p", high=100.0),
                budgets=BudgetSettings(
                    disagreement=0.01,
                    errors=None,
                    p50=LatencyMargin(absolute=0.005),
                    p95=LatencyMargin(relative=0.5),
                    score=0.02,
                ),
            ),
            baseline=BaselineSettings(
                name="spring", source="s3://bucket/train.parquet", live=LiveSettings(rows=100), seasonal="off"
            ),
            drift=DriftSettings(kinds={"in.zip": Kind.CATEGORY}, window=300.0, false_alarms="2 per 1w"),
            performance=PerformanceSettings(
                label_period=604800.0, task=Task.REGRESSION, alpha=0.01, segments=("header:user-agent",)
            ),
        ),
        EndpointConfig(name="rest", variants=(VariantSettings(name="only", url="http://127.0.0.1:8002"),)),
    ),
    capture=CaptureSettings(
        sample=0.5,
        max_body=0,
        redact=("$.ssn", "$..email"),
        headers=("user-agent",),
        retention=1209600.0,
        fsync="never",
    ),
    analyst=AnalystSettings(enabled=False),
    store=StoreSettings(retention=90 * 86400.0, max_disk=2**40),
    reports=ReportSettings(every=None, window=6 * 3600.0, max_disk=2**30),
    drain=DrainSettings(deadline=0.0),
    log=LogSettings(format="json", level="debug"),
)
SHORTEST = Config(
    endpoints=(EndpointConfig(name="churn", variants=(VariantSettings(name="blue", url="http://127.0.0.1:8000"),)),)
)


def test_every_key_is_read_as_its_type() -> None:
    assert load(GOOD / "everything.yaml", {"WATCHTOWER_ADMIN_TOKEN": "sesame", "WORKERS": "2"}) == EVERYTHING


def test_the_example_in_the_documentation_is_a_configuration(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/configuration.md").read_text(encoding="utf-8")
    file = tmp_path / "watchtower.yaml"
    file.write_text(page.partition("```yaml\n")[2].partition("```")[0], encoding="utf-8")
    (endpoint,) = load(file, {}).endpoints

    assert [variant.name for variant in endpoint.variants] == ["blue", "green"]
    assert [shadow.name for shadow in endpoint.shadows] == ["v2"]


def test_an_endpoint_may_name_every_protocol_that_is_read() -> None:
    assert set(get_args(Protocol)) == {"auto", *ADAPTERS}


@pytest.mark.parametrize(("text", "expected"), [("false", False), ("true", True), ("{enabled: no}", False)])
def test_one_word_leaves_the_analyst_off(tmp_path: Path, text: str, expected: bool) -> None:
    file = tmp_path / "watchtower.yaml"
    file.write_text(f"analyst: {text}\n{(GOOD / 'shortest.yaml').read_text()}", encoding="utf-8")

    assert expected is load(file, {}).analyst.enabled


def test_one_endpoint_with_one_variant_is_a_configuration() -> None:
    assert load(GOOD / "shortest.yaml", {}) == SHORTEST


def test_an_alias_stands_for_what_it_names() -> None:
    churn, fraud = load(GOOD / "shared.yaml", {}).endpoints

    assert churn.variants == fraud.variants


@pytest.mark.parametrize("config", [EVERYTHING, SHORTEST])
def test_a_worker_reads_what_the_supervisor_wrote(config: Config) -> None:
    assert config == decode(encode(config))


@pytest.mark.slow
@pytest.mark.parametrize("module", ["watchtower.app", "watchtower.worker"])
def test_what_is_handed_a_configuration_does_not_load_yaml(module: str) -> None:
    program = f"import sys, {module}; print('yaml' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True)

    assert told.stdout == "False\n"


@pytest.mark.slow
@pytest.mark.parametrize("module", ["watchtower.commands.run", "watchtower.worker"])
def test_what_serves_traffic_does_not_load_what_analyses_it(module: str) -> None:
    heavy = {"numpy", "pyarrow", "duckdb", "scipy", "datasketches", "jsonpath"}
    program = f"import sys, {module}; print(sorted(set(sys.modules) & {heavy!r}))"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True)

    assert told.stdout == "[]\n"


def test_a_secret_reaches_a_worker_as_a_secret() -> None:
    token = decode(encode(EVERYTHING)).admin.token

    assert Secret("sesame") == token
    assert "sesame" not in f"{token} {token!r}"


def test_a_configuration_prints_without_its_secrets() -> None:
    assert "sesame" not in repr(EVERYTHING)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${PLACE}", "here"),
        ("a/${PLACE}/b", "a/here/b"),
        ("'${PLACE}'", "here"),
        ('"${PLACE}"', "here"),
        ("${NOWHERE:-there}", "there"),
        ("${EMPTY:-there}", "there"),
        ("${PLACE:-there}", "here"),
        ("$${PLACE}", "${PLACE}"),
        ("$PLACE", "$PLACE"),
        ("${YAML}", "{a: [b]}  # c"),
        ("${NESTED}", "${PLACE}"),
    ],
)
def test_the_environment_is_read_once_and_as_text(tmp_path: Path, text: str, expected: str) -> None:
    environ = {"PLACE": "here", "EMPTY": "", "YAML": "{a: [b]}  # c", "NESTED": "${PLACE}"}
    file = tmp_path / "watchtower.yaml"
    file.write_text(f"data_dir: {text}\n{(GOOD / 'shortest.yaml').read_text()}", encoding="utf-8")

    assert expected == load(file, environ).data_dir


@pytest.mark.parametrize("text", ["on", "08", "1e3", "2026-11-01", "1_000", "0x10", "Yes"])
def test_a_text_is_what_was_written(tmp_path: Path, text: str) -> None:
    file = tmp_path / "watchtower.yaml"
    file.write_text(f"data_dir: {text}\n{(GOOD / 'shortest.yaml').read_text()}", encoding="utf-8")

    assert text == load(file, {}).data_dir


def test_an_empty_variable_is_nothing_where_nothing_will_do(tmp_path: Path) -> None:
    file = tmp_path / "watchtower.yaml"
    file.write_text(f"admin: {{token: ${{TOKEN}}}}\n{(GOOD / 'shortest.yaml').read_text()}", encoding="utf-8")

    assert load(file, {"TOKEN": ""}).admin.token is None


def test_certificates_that_belong_together_are_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    authority = trustme.CA()
    authority.cert_pem.write_to_path("authority.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path("chain.pem")

    assert getattr(load(GOOD / "tls.yaml", {}).listen.tls, "cert", None) == "chain.pem"
