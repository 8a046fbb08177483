"""File systems in memory that come and go under a running sidecar."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(path: Path, options: str) -> Iterator[None]:
    """An empty one over a folder, which is seen again afterwards."""
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("mounting a tmpfs takes root")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)
