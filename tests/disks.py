"""Disks that fail in the ways that disks do: file systems in memory whose size and rights change."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[Path]:
    """Where it may not be mounted, the test is left out."""
    path.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0 or subprocess.run(_mount(path, f"size={size}"), check=False, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs takes root")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


def resize(path: Path, size: str) -> None:
    subprocess.run(_mount(path, f"remount,size={size}"), check=True)


@contextmanager
def read_only(path: Path) -> Iterator[None]:
    """The file system at `path`, while nothing may be written to it."""
    subprocess.run(_mount(path, "remount,ro"), check=True)
    try:
        yield
    finally:
        subprocess.run(_mount(path, "remount,rw"), check=True)


@contextmanager
def seen_read_only(path: Path) -> Iterator[None]:
    """Through another mount, for a disk itself cannot be made so while somebody holds a file on it open for writing."""
    subprocess.run(["mount", "--bind", path, path], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", path], check=True)
        yield
    finally:
        subprocess.run(["umount", path], check=True)


def _mount(path: Path, options: str) -> list[str]:
    return ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)]
