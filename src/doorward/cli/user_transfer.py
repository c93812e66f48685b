"""``doorward users import`` and ``export``: all users at once, from and to files."""

import asyncio
import shlex
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import click
from dishka import AsyncContainer

from application.accounts.user_transfer.export_users import ExportUsers
from application.accounts.user_transfer.import_users import Imported, ImportUsers
from application.accounts.user_transfer.records import Record
from domain.actor import Operator
from domain.user import User
from doorward.cli.base.use_cases import run_use_cases
from doorward.plurals import counted
from infrastructure.storage.not_ready import NotReady
from infrastructure.user_transfer.files import (
    Batch,
    UnreadableFile,
    batches,
    csv_line,
    is_csv,
    json_line,
    open_private,
    record_of,
)
from infrastructure.user_transfer.report import Report


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--with-hashes", is_flag=True, help="Include the password hashes. Keep that file secret."
)
def export(file: Path, with_hashes: bool) -> None:
    """Write all users to FILE, which must not exist: .jsonl, or .csv for spreadsheets.

    No second factors are exported.
    """

    async def copy(container: AsyncContainer) -> int:
        export_users: ExportUsers = await container.get(ExportUsers)
        with open_private(file) as opened:
            try:
                write = partial(_write, opened, line, with_hashes)
                return await export_users(Operator(), write, with_hashes=with_hashes)
            except BaseException:
                file.unlink()  # noqa: ASYNC240 - half of them would be taken for all
                raise

    try:
        line = csv_line if is_csv(file) else json_line
        count = run_use_cases(copy)
    except (UnreadableFile, OSError) as error:
        raise NotReady(_reason(file, error)) from None
    click.echo(f"{counted(count, 'user')} written to {file}")


def _write(
    opened: IO[str],
    line: Callable[[Mapping[str, Any]], str],
    with_hashes: bool,
    users: Sequence[User],
) -> None:
    records = [record_of(user, with_hash=with_hashes) for user in users]
    if line is csv_line and records and opened.tell() == 0:
        opened.write(csv_line({name: name for name in records[0]}))
    opened.writelines(line(record) for record in records)


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Report what an import would do, and store nothing.")
@click.option(
    "--empty-names",
    is_flag=True,
    help="Leave a missing name empty; by default it is the part of the address before the @.",
)
@click.option(
    "--skip-lines",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Continue after line N, as an interrupted import prints it.",
)
def import_(file: Path, dry_run: bool, empty_names: bool, skip_lines: int) -> None:
    """Import users from FILE, .csv or .jsonl, with their password hashes and authenticator apps.

    An import that is interrupted or fails prints how to continue. To import a file again does no
    harm. FILE.rejected.jsonl has the rejected lines, with the reasons. docs/import.md lists the
    columns and the forms of hashes.
    """
    progress = _Progress(file.stat().st_size, skip_lines)
    report = Report.beside(file, dry_run=dry_run)
    try:
        report.keep(skip_lines)
        take = partial(_import, file, progress, report, dry_run=dry_run, empty_names=empty_names)
        run_use_cases(take)
    except (UnreadableFile, OSError) as error:
        raise NotReady(_reason(file, error)) from None
    finally:
        if not progress.is_complete and progress.line and not dry_run:
            names = " --empty-names" if empty_names else ""
            command = f"doorward users import {shlex.quote(str(file))}{names}"
            click.echo(f"continue with: {command} --skip-lines {progress.line}", err=True)
    verb = "would be imported" if dry_run else "imported"
    click.echo(
        f"{progress.new} {verb}, {progress.skipped} there already, {progress.rejected} rejected"
    )
    if progress.with_app:
        click.echo(
            f"{progress.with_app} of them with an authenticator app, none with recovery codes"
        )
    if not report.is_empty:
        click.echo(f"the reasons are in {report.path}")
        sys.exit(1)


@dataclass
class _Progress:
    """
    :ivar size: of the file, in bytes.
    :ivar line: number of the line up to which every record is stored or rejected.
    """

    size: int
    line: int
    new: int = 0
    skipped: int = 0
    rejected: int = 0
    with_app: int = 0
    is_complete: bool = False

    def add(self, imported: Imported, batch: Batch) -> None:
        self.line = batch.line
        self.new += imported.new
        self.skipped += imported.skipped
        self.rejected += len(imported.rejected)
        self.with_app += imported.with_app


async def _import(
    file: Path,
    progress: _Progress,
    report: Report,
    container: AsyncContainer,
    *,
    dry_run: bool,
    empty_names: bool,
) -> None:
    import_users = await container.get(ImportUsers)
    seen: set[str] = set()

    async def take(records: Sequence[Record]) -> Imported:
        if dry_run:
            return await import_users.dry_run(Operator(), records, seen, empty_names=empty_names)
        return await import_users(Operator(), records, empty_names=empty_names)

    async def note(batch: Batch) -> None:
        imported = await take(batch.records)
        report.add(imported.rejected)
        progress.add(imported, batch)

    with click.progressbar(length=progress.size, label=file.name, file=sys.stderr) as bar:
        for batch in batches(file, progress.line):
            await _finished(note(batch))
            bar.update(batch.offset - bar.pos)
    progress.is_complete = True


async def _finished(step: Coroutine[None, None, None]) -> None:
    """Run a step to its end, even if SIGINT cancels this task meanwhile.

    A batch that is stored is reported as such: the import continues behind it.

    :raises asyncio.CancelledError: after the step.
    """
    task = asyncio.create_task(step)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


def _reason(file: Path, error: UnreadableFile | OSError) -> str:
    return f"{file}: {error.strerror}" if isinstance(error, OSError) else str(error)
