"""The reference page of the tables, made from their declarations."""

from __future__ import annotations

from tapescan.tables.definition import Table
from tapescan.tables.registry import stored_tables

__all__ = ["reference_page"]

#: How rows of a key that is stored already are met, in words.
MET = {
    "history": "another value replaces the stored one; the old stays readable as a past version",
    "replace": "another value replaces the stored one; a value that is missing replaces nothing",
    "sessions": "another row replaces the stored one, whole; a file a session",
    "versions": "a row when it was first known, and one for each later change of it; a past day sees that of then",
    "changes": "a row when a value was first known, and one for each later change; none is ever replaced",
    "append": "rows are only added",
}


def reference_page() -> str:
    """The page in Markdown."""
    lines = [
        "# Tables of a store",
        "",
        "Each is a Delta Lake table in a folder of its name. `store.known(day).read(table)` gives its rows as they",
        "were known at the close of a day.",
    ]
    for table in stored_tables():
        lines += _section(table)
    return "\n".join(lines) + "\n"


def _section(table: Table) -> list[str]:
    lines = ["", f"## `{table.name}`", "", f"{table.title[0].upper()}{table.title[1:]}.", ""]
    if table.key:
        lines.append(f"- One row a {', '.join(f'`{name}`' for name in table.key)}; {MET[table.kept]}.")
    if table.known:
        lines.append(f"- Known from `{table.known}` on.")
    if table.kind:
        lines.append(f"- Fetched with `tapescan sync --what {table.kind.name}`.")
    if table.in_files:
        lines.append("- Files of it are told by their columns; the names they may have stand last.")
    lines += ["", "| column | type | meaning | in files |", "| --- | --- | --- | --- |"]
    for name, one in table.fields.items():
        names = ", ".join(other for other in one.names if other != name.replace("_", ""))
        needed = "needed" if one.needed and table.in_files else ""
        shown = "; ".join(text for text in (needed, names if table.in_files else "") if text)
        lines.append(f"| `{name}` | {one.type} | {one.meaning} | {shown} |")
    return lines


if __name__ == "__main__":
    import sys

    sys.stdout.write(reference_page())
