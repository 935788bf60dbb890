"""Commands for files: list the formats, turn a file of one into another."""

from collections import Counter
from pathlib import Path
from typing import Any

import click

from simia_tui import formats
from simia_tui.cli.common import json_option, print_json, print_table
from simia_tui.errors import SimiaError, UsageError


@click.command("formats")
@click.argument("name", required=False)
@json_option
def formats_command(name: str | None, as_json: bool) -> None:
    """List the formats with their direction; with NAME, what reading and writing it does not keep."""
    rows = _rows()
    if name is not None:
        rows = [row for row in rows if row["format"] == name]
        if not rows:
            raise UsageError(f"There is no format {name!r}; `simia formats` lists them.")
    if as_json:
        print_json(rows)
        return
    if name is None:
        print_table(
            ("format", "in", "out", "what it is"),
            ((row["format"], _yes(row["in"]), _yes(row["out"]), row["title"]) for row in rows),
        )
        click.echo("`simia formats NAME` says what is not kept; all else is.")
        return
    (row,) = rows
    click.echo(f"{row['format']}: {row['title']}")
    for way, key in (("read from it", "reading_loses"), ("written to it", "writing_loses")):
        if row[key] is not None:
            click.echo(f"Not kept of what is {way}:{'' if row[key] else ' nothing is lost.'}")
            for loss in row[key]:
                click.echo(f"  - {loss}")
    if row["file"]:
        click.echo(f"In an export it is {row['file']} (simia export NAME --to {row['format']}).")


def _yes(value: bool) -> str:
    return "yes" if value else ""


def _rows() -> list[dict[str, Any]]:
    readers = formats.readers()
    writers: dict[str, formats.Writer | formats.Decided] = {**formats.WRITERS, **formats.DECIDED}
    rows = []
    for name in [*readers, *(name for name in writers if name not in readers)]:
        reader, writer = readers.get(name), writers.get(name)
        either = reader or writer
        assert either is not None
        rows.append(
            {
                "format": name,
                # Rows of TRL are read as OpenAI's: the two differ in nothing that a reader sees.
                "in": reader is not None or name == "trl",
                "out": writer is not None,
                "title": either.title,
                "reading_loses": list(reader.loses) if reader else None,
                "writing_loses": list(writer.loses) if writer else None,
                "file": formats.file_of(name) if writer else None,
                "from_decisions": name in formats.DECIDED,
            }
        )
    return rows


@click.command("convert")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--to", "name", required=True, help="The format to write; `simia formats` lists them.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The file to write.")
@click.option("--format", "format_name", default="auto", show_default=True, help="The format of PATH.")
@click.option("--domain", default="generic", show_default=True, help="The domain the rows belong to.")
@json_option
def convert_command(path: Path, name: str, out: Path, format_name: str, domain: str, as_json: bool) -> None:
    """Turn a file of any format into another, without a workspace and without rules."""
    if name not in formats.WRITERS:
        why = "is made from decisions; export it from a workspace" if name in formats.DECIDED else "cannot be written"
        raise UsageError(f"{name!r} {why}. The formats to convert to are: {', '.join(formats.WRITERS)}.")
    if not path.exists():
        raise UsageError(f"There is no file {path}; check the path.")
    if out.exists() and out.samefile(path):
        raise UsageError(f"{out} is the file that is read; choose another --out.")
    rows = formats.read(path, formats.detect(path) if format_name == "auto" else format_name, domain)
    left: Counter[str] = Counter()
    try:
        with formats.open_sink(out, name) as sink:
            for row in rows:
                reason = row.reason if row.trajectory is None else formats.left_out(row.trajectory, name)
                if reason or row.trajectory is None:
                    left[reason or ""] += 1
                else:
                    sink.add(formats.WRITERS[name].write(row.trajectory))
    except OSError as error:
        raise SimiaError(f"{out} cannot be written: {error.strerror or error}.") from error
    if as_json:
        print_json({"format": name, "rows": sink.rows, "left_out": dict(left)})
        return
    click.echo(f"{sink.rows} rows in {out}")
    if left:
        print_table(("left out", "because"), ((count, reason) for reason, count in left.most_common()))
