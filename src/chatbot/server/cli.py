"""The ``chatbot`` command.

What only a server needs is imported where one starts: help and small commands need not wait a second for it.
"""

import asyncio
import gc
import json
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chatbot import __version__
from chatbot.adapters.libs import require_fitting_libs
from chatbot.domain.errors import StartupError
from chatbot.domain.service_names import ServiceName
from chatbot.server.commands import balance, cards, doctor, history, keys, models, prompts, settings_list
from chatbot.server.settings import load_settings
from chatbot.services.registry import SERVICES

if TYPE_CHECKING:
    from chatbot.server.run import Listener

app = typer.Typer(
    help="Two chatbots for a small team, on local Llama models. Settings: `chatbot settings`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
_log = logging.getLogger(__name__)

Host = Annotated[str | None, typer.Option(help="Address to listen on (CHATBOT_HOST); 0.0.0.0 for all.")]
Gpu = Annotated[bool, typer.Option("--gpu", help="Put the model on the GPU: all layers, or as many as fit.")]


def _tell(line: str) -> None:
    typer.secho(line, dim=True, err=True)


def _start(names: Sequence[ServiceName], host: str | None, *, gateway: bool, gpu: bool) -> None:
    """Serve until a signal comes; with ``gpu`` a service whose card is not set takes that of its place."""
    # What a start makes stays: collecting among it costs a tenth of the start. Serving turns it on again.
    gc.disable()
    import uvloop

    from chatbot.server.logging import set_up_logging
    from chatbot.server.run import serve

    options: dict[str, Any] = {} if host is None else {"host": host}
    settings = load_settings(**options)
    if gpu:
        for index, name in enumerate(names):
            chosen = {"gpu"} & settings.service(name).model_fields_set
            options[str(name)] = {"gpu_layers": "auto"} if chosen else {"gpu_layers": "auto", "gpu": index}
        settings = load_settings(**options)
    set_up_logging(settings.log_format, settings.log_level)
    require_fitting_libs(with_cards=any(settings.service(name).gpu_layers != 0 for name in names))
    # A collector that reads both streams of a pod must find nothing but JSON.
    people = settings.log_format == "console"
    tell, announce = (_tell, _announce) if people else (_log.info, _log_addresses)
    tell(f"chatbot {__version__}: loading {', '.join(names)}")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings, names, gateway=gateway, tell=tell, on_ready=announce))


def _log_addresses(listeners: "Sequence[Listener]") -> None:
    _log.info("serving", extra={"addresses": {listener.name: listener.address for listener in listeners}})


def _announce(listeners: "Sequence[Listener]") -> None:
    """Print the addresses and a request that can be pasted."""
    front = listeners[0].address
    services = [listener for listener in listeners if listener.name != "gateway"]
    rows = [(f"{listener.name} chat", f"{front}/{listener.name}/") for listener in services]
    rows += [(f"{listener.name} API", f"{front}/{listener.name}/docs") for listener in services]
    rows += [(f"{listener.name} health", f"{listener.address}/readyz") for listener in services]
    for name, address in rows:
        typer.echo(f"{typer.style(f'{name:<17}', bold=True)}{address}", err=True)
    first = SERVICES[ServiceName(services[0].name)]
    body = json.dumps(first.request.model_json_schema()["examples"][0], ensure_ascii=False)
    request = f"curl -s {front}/{first.name}/Llama -H 'Content-Type: application/json' -d '{body}'"
    typer.echo(f"\n{request}\n\nCtrl-C finishes what runs and leaves.", err=True)


@app.command()
def up(host: Host = None, gpu: Gpu = False) -> None:
    """Start all services and the gateway in one process; with --gpu each service takes its own card."""
    _start(tuple(SERVICES), host, gateway=True, gpu=gpu)


def _alone(name: ServiceName) -> Callable[[Host, Gpu], None]:
    def start(host: Host = None, gpu: Gpu = False) -> None:
        _start((name,), host, gateway=False, gpu=gpu)

    return start


for _name in SERVICES:
    app.command(_name, help=f"Start the {_name} service alone, on its own port.")(_alone(_name))

app.command("balance")(balance.balance)
app.command("doctor")(doctor.doctor)
app.command("settings")(settings_list.settings)


@app.command()
def version() -> None:
    """Print the version."""
    sys.stdout.write(f"{__version__}\n")


app.add_typer(models.app, name="models", help="Download, check and list model files.")
app.add_typer(keys.app, name="keys", help="Make, list and remove API keys.")
app.add_typer(prompts.app, name="prompts", help="Check persona texts.")
app.add_typer(history.app, name="history", help="Import, export, back up, delete and prune conversations.")
app.add_typer(cards.app, name="cards", help="Read character cards.")


def _leave(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def main() -> None:
    """Run the command; a start that fails says why in one sentence and exits with 1."""
    # The first process of a container gets only signals that it handles; servers bring their own handlers.
    signal.signal(signal.SIGTERM, _leave)
    try:
        app()
    except StartupError as error:
        typer.secho(f"chatbot: {error}", bold=True, fg=typer.colors.RED, err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
