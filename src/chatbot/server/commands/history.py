"""``chatbot history``: import, export, copy, delete and prune conversations, and see how their storage is."""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from pydantic import SecretStr

from chatbot.adapters.history.backups import Copied, back_up
from chatbot.adapters.history.importing import ImportReport, import_rooms
from chatbot.adapters.history.opening import open_history, open_spool, open_store
from chatbot.adapters.history.records import is_user_id
from chatbot.adapters.history.resilient import ResilientHistory
from chatbot.adapters.history.retention import cutoff
from chatbot.adapters.history.sources import from_database, from_files
from chatbot.domain.errors import StartupError
from chatbot.domain.history import HistoryUnavailable, Owner, Room
from chatbot.domain.service_names import ServiceName
from chatbot.server.commands.exported import export_lines, services_meant, told
from chatbot.server.settings import Settings, load_settings

app = typer.Typer(no_args_is_help=True)

_Result = TypeVar("_Result")


def _service_name(text: str) -> ServiceName:
    try:
        return ServiceName(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


Service = Annotated[
    ServiceName | None,
    typer.Option(parser=_service_name, metavar="NAME", help="Only this service; absent: all."),
]
User = Annotated[str | None, typer.Option(help="The user_id.")]
RoomOption = Annotated[UUID | None, typer.Option("--room", help="Only this room (db_id).")]


def _run(work: Callable[[Settings], Awaitable[_Result]]) -> _Result:
    """Do the work; a database that does not answer ends the command with a sentence."""

    async def main() -> _Result:
        return await work(load_settings())

    try:
        return asyncio.run(main())
    except HistoryUnavailable as error:
        raise StartupError(f"the history database cannot be used: {error}") from error


@asynccontextmanager
async def _history(settings: Settings) -> AsyncIterator[ResilientHistory]:
    # A command prunes when it is told to, not because it happens to run.
    config = settings.history.model_copy(update={"retention_days": 0})
    history = await open_history(config, settings.data_dir)
    try:
        yield history
    finally:
        await history.close()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _opened(output: Path | None) -> AbstractContextManager[IO[str]]:
    return output.open("w", encoding="utf-8") if output else nullcontext(sys.stdout)


def _user(user: str | None) -> str:
    if user is None or not is_user_id(user):
        raise typer.BadParameter("name a user_id with --user: 1 to 50 letters, digits, _ . @ -")
    return user


@app.command("import")
def import_(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Files of `chatbot history export`, or of mongoexport named like their collection.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    database: Annotated[
        str | None, typer.Option(help="Read the predecessor's MongoDB database of this name.")
    ] = None,
    uri_file: Annotated[
        Path | None,
        typer.Option(
            help="File with that database's address; absent: CHATBOT_HISTORY__MONGO_URI.", exists=True
        ),
    ] = None,
    timezone: Annotated[
        str, typer.Option(help="Zone of the predecessor's times, which say none.")
    ] = "Asia/Seoul",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count only, write nothing.")] = False,
) -> None:
    """Import conversations; repeating it adds only what is missing.

    Ends with code 1 when anything was left out; what could be read is imported all the same.
    """
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError):
        raise typer.BadParameter(f"there is no time zone {timezone} on this machine") from None
    if bool(files) == bool(database):
        raise typer.BadParameter("name files, or a --database, and not both")

    async def work(settings: Settings) -> ImportReport:
        config = settings.history
        if database:
            uri = SecretStr(uri_file.read_text().strip()) if uri_file else config.mongo_uri
            if not uri.get_secret_value():
                raise StartupError("set CHATBOT_HISTORY__MONGO_URI or name a --uri-file")
            rooms = from_database(uri.get_secret_value(), database, config.timeout_seconds, zone)
        else:
            rooms = from_files(files or [], zone)
        store = await open_store(config, settings.data_dir)
        try:
            return await import_rooms(rooms, store, dry_run=dry_run)
        finally:
            await store.close()

    report = _run(work)
    done = "would import" if dry_run else "imported"
    _say(f"{report.rooms} rooms: {done} {report.imported} turns, {report.present} were here already")
    if report.characters or report.characters_present:
        present = report.characters_present
        _say(f"characters: {done} {report.characters}, {present} were here already and stay as they are")
    if report.broken:
        _say(f"{report.broken} entries have no question or answer and were left out")
    for skipped in report.skipped:
        _say(f"left out {skipped.place}: {skipped.reason}")
    if report.broken or report.skipped:
        raise typer.Exit(1)


@app.command()
def export(
    user: User = None,
    service: Service = None,
    room: RoomOption = None,
    everybody: Annotated[bool, typer.Option("--all", help="Everybody's conversations.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File; absent: stdout.")] = None,
) -> None:
    """Write conversations and characters as JSON lines, one turn or character a line; `import` reads them."""
    if everybody and (user or room):
        raise typer.BadParameter("--all takes no --user and no --room")
    name = None if everybody else _user(user)

    async def work(settings: Settings) -> Counter[str]:
        counted: Counter[str] = Counter()
        async with _history(settings) as history:
            with _opened(output) as file:
                async for line in export_lines(history, counted, service, name, room):
                    file.write(f"{line}\n")
        return counted

    sys.stderr.write(f"exported {told(_run(work))}\n")


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(help="Folder of the copies.", exists=True, file_okay=False)],
    service: Service = None,
    keep: Annotated[int, typer.Option(min=1, help="Copies that stay; older ones of this service go.")] = 14,
    keys: Annotated[
        Path | None,
        typer.Option(help="File of public keys, for which age encrypts.", exists=True, dir_okay=False),
    ] = None,
) -> None:
    """Copy everybody's conversations and characters to a new file in a folder; `import` reads it.

    Without any no file is made and none goes.
    """

    counted: Counter[str] = Counter()

    async def work(settings: Settings) -> Copied:
        async with _history(settings) as history:
            lines = export_lines(history, counted, service, None)
            return await back_up(lines, folder, service or "history", keep, keys, datetime.now(UTC))

    copied = _run(work)
    if copied.path is None:
        _say("there is no turn to back up: no copy was made, and none was removed")
    else:
        _say(f"{told(counted)} are in {copied.path.name}; {len(copied.removed)} older copies were removed")


@app.command()
def delete(
    user: User = None,
    service: Service = None,
    room: RoomOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a user's conversations and characters for good, or one room."""
    name = _user(user)
    what = f"room {room}" if room else "everything"
    if not yes:
        typer.confirm(f"Delete {what} of {name} ({service or 'all services'}) for good?", abort=True)

    async def work(settings: Settings) -> Counter[str]:
        deleted: Counter[str] = Counter()
        async with _history(settings) as history:
            for one in await services_meant(history, service):
                if room:
                    deleted["turns"] += await history.delete_room(Room(one, name, room))
                else:
                    deleted["turns"] += await history.delete_user(one, name)
                    deleted["characters"] += await history.characters.delete_all(Owner(one, name))
        return deleted

    _say(f"deleted {told(_run(work))}")


@app.command()
def prune(
    days: Annotated[
        int | None,
        typer.Option(min=1, help="Unused for so many days; absent: CHATBOT_HISTORY__RETENTION_DAYS."),
    ] = None,
) -> None:
    """Delete rooms that nobody used for the given number of days."""

    async def work(settings: Settings) -> int:
        unused = days or settings.history.retention_days
        if not unused:
            raise StartupError("set CHATBOT_HISTORY__RETENTION_DAYS or name --days")
        async with _history(settings) as history:
            return await history.prune(cutoff(unused))

    _say(f"deleted {_run(work)} turns")


@app.command()
def status() -> None:
    """Say where conversations are, whether the database answers, and what waits to be written."""

    async def work(settings: Settings) -> bool:
        config = settings.history
        database = config.mongo_uri.get_secret_value()
        place = config.sqlite_path or settings.data_dir / "history.sqlite3"
        _say(f"database   {f'MongoDB, {config.database}' if database else f'SQLite, {place}'}")
        spool = open_spool(config, settings.data_dir)
        kept = await spool.all()
        spool.close()
        _say(f"kept       {len(kept.turns)} turns wait in {spool.folder}")
        if kept.aside:
            _say(f"set aside  {len(kept.aside)} turns cannot be written: *.aside in {spool.folder}")
        _say(f"retention  {config.retention_days or 'no limit'}{' days' if config.retention_days else ''}")
        store = await open_store(config, settings.data_dir)
        try:
            await store.ping()
        except HistoryUnavailable as error:
            _say(f"reachable  no: {error}")
            return False
        finally:
            await store.close()
        _say("reachable  yes")
        return True

    if not _run(work):
        raise typer.Exit(1)
