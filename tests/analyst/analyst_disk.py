"""A file system in memory under a part of the data folder, whose size and rights change while the analyst works."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def disk_at(path: Path, options: str) -> Iterator[None]:
    path.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0 or subprocess.run(_mount(path, options), check=False, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs takes root")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


def resize(path: Path, size: str) -> None:
    subprocess.run(_mount(path, f"remount,size={size}"), check=True)


@contextmanager
def read_only(path: Path) -> Iterator[None]:
    """Seen through another mount, for the disk itself cannot be made so while somebody holds a file open."""
    subprocess.run(["mount", "--bind", path, path], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", path], check=True)
        yield
    finally:
        subprocess.run(["umount", path], check=True)


def _mount(path: Path, options: str) -> list[str]:
    return ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)]
