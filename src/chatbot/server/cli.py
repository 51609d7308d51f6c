"""The ``chatbot`` command."""

import asyncio
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from chatbot import __version__
from chatbot.adapters.libs import require_fitting_libs
from chatbot.domain.errors import StartupError
from chatbot.domain.messages import ServiceName
from chatbot.server.commands import cards, doctor, history, keys, models, prompts, settings_list
from chatbot.server.logging import set_up_logging
from chatbot.server.run import Listener, serve
from chatbot.server.settings import Settings, load_settings

app = typer.Typer(
    help="Two chatbots for a small team, on local Llama models. Settings: `chatbot settings`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(models.app, name="models", help="Download, check and list model files.")
app.add_typer(keys.app, name="keys", help="Make API keys.")
app.add_typer(prompts.app, name="prompts", help="Check persona texts.")
app.add_typer(history.app, name="history", help="Import, export, delete and prune conversations.")
app.add_typer(cards.app, name="cards", help="Read character cards.")
app.command("doctor")(doctor.doctor)
app.command("settings")(settings_list.settings)

_console = Console(stderr=True)

Host = Annotated[str | None, typer.Option(help="Address to listen on (CHATBOT_HOST); 0.0.0.0 for all.")]
Gpu = Annotated[bool, typer.Option("--gpu", help="Put all layers of the model on the GPU.")]


def _tell(line: str) -> None:
    _console.print(line, style="dim", highlight=False, soft_wrap=True)


def _start(names: Sequence[ServiceName], *, gateway: bool, overrides: dict[str, object]) -> None:
    settings = load_settings()
    settings = Settings.model_validate({**settings.model_dump(), **overrides}) if overrides else settings
    set_up_logging(settings.log_format, settings.log_level)
    require_fitting_libs(max((settings.service(name).gpu_layers for name in names), key=abs))
    _tell(f"chatbot {__version__}: loading {', '.join(names)}")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings, names, gateway=gateway, tell=_tell, on_ready=_announce))


def _announce(listeners: Sequence[Listener]) -> None:
    """Print the addresses and a request that can be pasted."""
    for listener in listeners:
        _console.print(f"[bold]{listener.name:<10}[/] {listener.address}", highlight=False)
    first = listeners[0]
    service = ServiceName.OFFICE if first.name == "gateway" else ServiceName(first.name)
    body = (
        '{"input_data": "안녕하세요!", "user_id": "test_user"}'
        if service is ServiceName.OFFICE
        else '{"input_data": "*I wave at Rachel with a smile.*", "character_name": "Rachel", '
        '"greeting": "*Rachel looks up.* Oh, hello there!", "context": "Rachel is a librarian."}'
    )
    _console.print(f"\nchat page  {first.address}/{service}/\ntry        ", end="", highlight=False)
    _console.print(
        f"curl -s {first.address}/{service}/Llama -H 'Content-Type: application/json' -d '{body}'\n",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )


def _changes(names: Sequence[ServiceName], host: str | None, *, gpu: bool) -> dict[str, object]:
    settings = load_settings()
    changes: dict[str, object] = {} if host is None else {"host": host}
    if gpu:
        changes |= {
            str(name): {**settings.service(name).model_dump(), "gpu_layers": -1, "gpu": index}
            for index, name in enumerate(names)
        }
    return changes


@app.command()
def up(host: Host = None, gpu: Gpu = False) -> None:
    """Start both services and the gateway in one process; with --gpu each service takes its own card."""
    names = tuple(ServiceName)
    _start(names, gateway=True, overrides=_changes(names, host, gpu=gpu))


@app.command()
def office(host: Host = None, gpu: Gpu = False) -> None:
    """Start the office service alone, on its own port."""
    _start((ServiceName.OFFICE,), gateway=False, overrides=_changes((ServiceName.OFFICE,), host, gpu=gpu))


@app.command()
def character(host: Host = None, gpu: Gpu = False) -> None:
    """Start the character service alone, on its own port."""
    names = (ServiceName.CHARACTER,)
    _start(names, gateway=False, overrides=_changes(names, host, gpu=gpu))


@app.command()
def version() -> None:
    """Print the version."""
    sys.stdout.write(f"{__version__}\n")


def main() -> None:
    """Run the command; a start that fails says why in one sentence and exits with 1."""
    try:
        app()
    except StartupError as error:
        _console.print(f"chatbot: {error}", style="bold red", highlight=False, markup=False, soft_wrap=True)
        sys.exit(1)
