"""Prints the uv settings of pyproject.toml as a uv.toml: the flags that llama-cpp-python is compiled with."""

import re
import sys
from pathlib import Path

MARK = "[tool.uv.config-settings-package"
sections = re.split(r"^(?=\[)", Path(sys.argv[1]).read_text(), flags=re.MULTILINE)
flags = [section.replace("[tool.uv.", "[", 1) for section in sections if section.startswith(MARK)]
if not flags:
    sys.exit(f"pyproject.toml has no {MARK}]: without it the engine would be compiled for this machine only")
# Comments before the next table belong to it and would change the text without changing a flag.
sys.stdout.write(
    "\n".join(line for line in "".join(flags).splitlines() if line and not line.startswith("#")) + "\n"
)
