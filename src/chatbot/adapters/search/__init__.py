"""Web search: providers behind one port; docs/search.md says how they are used."""

import sys

# httpx would import its command line, and with it rich and pygments: a tenth of a second of every start.
sys.modules["httpx._main"] = None  # type: ignore[assignment]
