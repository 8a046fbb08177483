"""Compiles the hot path while a wheel is built: the same Python, through mypyc, where there is a C compiler.

Half of what a request costs a worker is the interpreter; compiled, the same modules need half of that, and the analyst
takes less for an exchange. A machine without a compiler or Python's headers gets the modules as they are, and says so:
nothing but speed depends on it.

WATCHTOWER_COMPILE=0 leaves it out; =1 fails where it cannot be done.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# Where a module tells whole numbers from floats, it declares neither: compiled, an int that is handed where a float is
# declared becomes one.
HOT = (
    "analyst/analyst",
    "analyst/comparing",
    "analyst/decoding",
    "analyst/endpoint",
    "analyst/frames",
    "analyst/keeping",
    "compare/aggregate",
    "compare/columns",
    "compare/comparer",
    "compare/evidence",
    "compare/pairing",
    "compare/readings",
    "compare/worst",
    "deadlines",
    "http1/fields",
    "http1/forwarding",
    "http1/framing",
    "http1/heads",
    "http1/message",
    "http1/request",
    "http1/request_reader",
    "http1/response",
    "http1/response_reader",
    "journal/capture",
    "journal/format",
    "journal/reader",
    "journal/writer",
    "metrics/cells",
    "mirror/breaker",
    "mirror/call",
    "mirror/mirror",
    "mirror/rewrite",
    "mirror/shadow",
    "payload/cells",
    "payload/derive",
    "payload/openai",
    "payload/parse",
    "payload/rows",
    "payload/v1",
    "payload/v2",
    "proxy/account",
    "proxy/client",
    "proxy/endpoint",
    "proxy/flow",
    "proxy/identity",
    "proxy/ledger",
    "upstream/connection",
    "upstream/pool",
)


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]  # a hook without a configuration of its own
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        wish = os.environ.get("WATCHTOWER_COMPILE", "")
        if version == "editable" or wish == "0":
            return
        self._work = tempfile.mkdtemp(prefix="watchtower-build-")
        try:
            libraries = compiled(Path(self.root), Path(self._work))
        except (OSError, subprocess.CalledProcessError) as error:
            if wish == "1":
                raise
            self.app.display_warning(f"not compiled, it will run slower: {error}")
            return
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        build_data["force_include"].update({str(path): name for name, path in libraries.items()})

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002  hatchling's signature
        if hasattr(self, "_work"):
            shutil.rmtree(self._work, ignore_errors=True)


def compiled(root: Path, work: Path) -> dict[str, Path]:
    """The libraries by the names that they have in a wheel."""
    shutil.copytree(root / "watchtower", work / "watchtower")
    modules = [f"watchtower/{name}.py" for name in HOT]
    # Silent of what is only imported: numpy and the like are not here, and `make check` has looked at all of it.
    command = [sys.executable, "-m", "mypyc", "--ignore-missing-imports", "--follow-imports=silent", *modules]
    subprocess.run(command, cwd=work, check=True, stdout=subprocess.DEVNULL)  # noqa: S603  our own arguments
    return {str(path.relative_to(work)): path for path in work.rglob("*.so") if "build" not in path.parts[:-1]}
