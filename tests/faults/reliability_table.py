"""The catalogue of faults as the table of docs/reliability.md."""

from tests.faults.catalogue import ROWS, Row


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name.rpartition('::')[2]}`" for name in names)


def shown_by(row: Row) -> str:
    """The last column of the document: tests of one machine, of a cluster, and what is not shown."""
    parts = [_names(row.tests)] if row.tests else []
    if row.cluster:
        parts.append(f"cluster: {_names(row.cluster)}")
    if row.missing:
        parts.append(f"not by tests: {row.missing}")
    return "; ".join(parts)


def document() -> str:
    """The table of docs/reliability.md."""
    lines = [f"| {row.fault} | {row.promise} | {shown_by(row)} |" for row in ROWS]
    return "\n".join(["| fault | promise | shown by |", "|---|---|---|", *lines]) + "\n"
