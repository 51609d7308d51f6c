"""``chatbot doctor``: says before a start whether engine, models and cards fit together, and why."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from chatbot.adapters.gguf_facts import NotAModel, read_facts
from chatbot.adapters.libs import require_fitting_libs
from chatbot.adapters.packaged_model import NAME as PACKAGED
from chatbot.domain.config import ServiceConfig
from chatbot.domain.errors import StartupError
from chatbot.domain.service_names import ServiceName
from chatbot.domain.vram import (
    MIB,
    KvType,
    ModelFacts,
    VramPlan,
    card_bytes_per_token,
    choose,
    kv_bytes_per_token,
    kv_type_problem,
    pool_on_cpu,
    wish_of,
)
from chatbot.server.settings import Settings, load_settings, of_this_pod
from chatbot.services.registry import SERVICES

_KIB = 1024


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _card_mib(index: int) -> int | None:
    """Memory of one card in MiB as its driver tells it; None without one."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    query = [program, "--query-gpu=memory.total", "--format=csv,noheader,nounits", f"--id={index}"]
    answer = subprocess.run(query, capture_output=True, text=True, check=False)  # noqa: S603 (a fixed program)
    text = answer.stdout.strip()
    return int(text) if answer.returncode == 0 and text.isdigit() else None


def _model_file(settings: Settings, config: ServiceConfig) -> Path | None:
    if config.model == PACKAGED:
        found = sorted(settings.models_folder.glob("gemma-3-270m*.gguf"))
        return found[0] if found else None
    paths = (Path(config.model), settings.models_folder / config.model)
    return next((path for path in paths if path.is_file()), None)


def describe(facts: ModelFacts, found: VramPlan, pool_tokens: int, kv_type: KvType = "f16") -> str:
    """The plan as one sentence, in the words of the chart's check."""
    token = card_bytes_per_token(facts, facts.layers, kv_type)
    return (
        f"weights {found.weights_mib} + KV {found.kv_mib} ({pool_tokens} tokens of {token // _KIB} KiB) "
        f"+ overhead {found.overhead_mib} = {found.needed_mib} MiB of {found.card_mib} MiB; "
        f"the largest pool that fits is {found.largest_pool} tokens"
    )


def _check(settings: Settings, name: ServiceName, card_mib: int | None) -> bool:
    config = settings.service(name)
    path = _model_file(settings, config)
    if path is None:
        if config.model == PACKAGED:
            _say(f"{name}: the packaged model is put in place at the first start")
            return True
        _say(f"{name}: FAIL no {config.model} in {settings.models_folder}: run `chatbot models download`")
        return False
    try:
        facts = read_facts(path)
    except NotAModel as error:
        _say(f"{name}: FAIL {error}")
        return False
    _say(
        f"{name}: {path.name}: {facts.architecture}, {facts.file_mib} MiB, {facts.layers} layers, "
        f"{facts.kv_heads[-1]} KV heads of {facts.key_dimension}, vocabulary {facts.vocabulary}, "
        f"trained for {facts.trained_context} tokens"
    )
    on_card = config.gpu_layers != 0 or card_mib is not None
    if problem := kv_type_problem(facts, config.kv_type, on_card=on_card):
        _say(f"{name}: FAIL {problem}")
        return False
    if not on_card:
        pool = pool_on_cpu(config.pool_tokens, config.context_tokens)
        memory = facts.file_mib + pool * kv_bytes_per_token(facts, facts.layers, config.kv_type) // MIB
        _say(
            f"{name}: ok   on the CPU: about {memory} MiB of memory for weights and KV ({pool} tokens), "
            f"and up to {config.host_cache_mib} MiB for conversations that left the pool"
        )
        return True
    memory_mib = card_mib or _card_mib(config.gpu)
    if memory_mib is None:
        _say(
            f"{name}: FAIL no card answers nvidia-smi: say its memory with --card-mib, or set GPU layers to 0"
        )
        return False
    choice = choose(
        facts,
        wish_of(
            config.gpu_layers or -1,
            config.pool_tokens,
            config.context_tokens,
            config.parallel,
            config.kv_type,
        ),
        card_mib=memory_mib,
    )
    layers = facts.layers if choice.gpu_layers < 0 else choice.gpu_layers
    _say(
        f"{name}: {'ok  ' if choice.plan.fits else 'FAIL'} {layers} of {facts.layers} layers on the card: "
        f"{describe(facts, choice.plan, choice.pool_tokens, config.kv_type)}"
    )
    return choice.plan.fits


def _chosen(names: list[str] | None) -> list[ServiceName]:
    unknown = sorted(set(names or ()) - set(SERVICES))
    if unknown:
        raise StartupError(
            f"there is no service {', '.join(unknown)}; there are {', '.join(sorted(SERVICES))}"
        )
    wanted = names or of_this_pod() or SERVICES
    return [name for name in SERVICES if name in wanted]


def doctor(
    names: Annotated[
        list[str] | None, typer.Argument(help="Services to check; none: all, in a pod its own.")
    ] = None,
    card_mib: Annotated[
        int | None, typer.Option(help="Memory of the card in MiB, to plan for a card that is not here.")
    ] = None,
) -> None:
    """Check engine, models and cards; exit with 1 when something does not fit."""
    chosen = _chosen(names)
    settings = load_settings()
    fits = True
    try:
        require_fitting_libs(with_cards=any(settings.service(name).gpu_layers != 0 for name in chosen))
        _say("engine: ok   the compiled libraries fit this machine")
    except StartupError as error:
        fits = False
        _say(f"engine: FAIL {error}")
    for name in chosen:
        fits = _check(settings, name, card_mib) and fits
    if not fits:
        raise typer.Exit(1)
