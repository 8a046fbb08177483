"""The wall clock of a process and its children, set while they run, by Debian's libfaketime; other clocks stay true."""

from pathlib import Path

import pytest


class MachineClock:
    def __init__(self, folder: Path) -> None:
        self._file = folder / "step"
        self.set("+0")
        libraries = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        if not libraries:
            pytest.skip("faketime is not installed")
        self.environ = {
            "LD_PRELOAD": str(libraries[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",  # files keep the times of the kernel
        }

    def set(self, step: str) -> None:
        """Away from the true time: `+8d`."""
        draft = self._file.with_suffix(".draft")
        draft.write_text(step)
        draft.replace(self._file)
