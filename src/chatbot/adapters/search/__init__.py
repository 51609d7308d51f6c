"""Web search: providers behind one port; docs/search.md says how they are used."""
