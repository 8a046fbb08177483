"""The configurations in `configurations/`, filled in and written to where a program reads them."""

import os
import pwd
import resource
from pathlib import Path
from string import Template
from typing import Final

_TEMPLATES: Final = Path(__file__).with_name("configurations")
_FILES: Final = resource.getrlimit(resource.RLIMIT_NOFILE)[1]  # what a program may raise its own limit to


def write(template: str, folder: Path, *, name: str | None = None, **values: object) -> Path:
    text = Template((_TEMPLATES / template).read_text()).substitute(values, folder=folder, files=_FILES)
    path = folder / (name or template)
    path.write_text(text)
    return path


def write_nginx(template: str, folder: Path, **values: object) -> list[str]:
    """The command that starts an nginx with these servers."""
    write(template, folder, name="http.conf", **values)
    main = write("nginx.conf", folder, user=pwd.getpwuid(os.getuid()).pw_name)
    return ["nginx", "-p", str(folder), "-c", str(main)]
