"""From a configuration to a running engine's parts; runs on the engine's thread."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from chatbot.domain.config import ANSWER_RESERVE, EngineConfig
from chatbot.domain.models import EngineMeter
from chatbot.llm.llama.answer_rules import AnswerRules
from chatbot.llm.llama.context import Context, ContextShape
from chatbot.llm.llama.cpu import usable_threads
from chatbot.llm.llama.engine import Engine, EngineSetup
from chatbot.llm.llama.fitting import fitted
from chatbot.llm.llama.grammars import Grammars
from chatbot.llm.llama.host_cache import HostCache
from chatbot.llm.llama.jinja_format import TemplateUnusable
from chatbot.llm.llama.model_file import ModelFile
from chatbot.llm.llama.prefix_cache import ParkingPolicy
from chatbot.llm.llama.prompt import Prompter, choose_format
from chatbot.llm.llama.ready_model import ReadyModel
from chatbot.llm.llama.sampler import SamplerMaker
from chatbot.llm.llama.vocabulary import Vocabulary
from chatbot.llm.llama.warmup import measure
from chatbot.scheduling.admission import AdmissionController, Limits
from chatbot.scheduling.capacity import Capacity
from chatbot.scheduling.scheduler import Scheduler
from chatbot.scheduling.slices import UNTILED_ROWS

FORESEEN = (ValueError, TemplateUnusable)
"""Failures whose sentence says all that there is to know."""

_ROWS = 512
"""Rows of one call: prefill gains nothing beyond this, and each row costs compute buffer."""

_COLD_ROWS = 256
"""On a CPU a parked cell costs each row about 0.09 microseconds of attention, and copying it out and in about
20 (docs/engine.md), so this is where staying costs as much as going. On a card going never pays."""


def load(config: EngineConfig, limits: Limits, meter: EngineMeter, *, exact: bool = False) -> ReadyModel:
    """Load the file, make the context, measure the machine.

    ``exact`` is for tests, see ContextShape.

    Raises:
        ValueError, TemplateUnusable: with a sentence that says what is wrong.
    """
    config = fitted(config)
    file = ModelFile(config.model_path, gpu_layers=int(config.gpu_layers), gpu=config.gpu)
    with ExitStack() as on_failure:
        on_failure.callback(file.close)
        ready = _assemble(file, Vocabulary(file), config, limits, meter, exact=exact)
        on_failure.pop_all()
    return ready


def _assemble(
    file: ModelFile,
    vocabulary: Vocabulary,
    config: EngineConfig,
    limits: Limits,
    meter: EngineMeter,
    *,
    exact: bool,
) -> ReadyModel:
    form = choose_format(file, vocabulary)
    shape = ContextShape(
        pool=config.pool_tokens,
        sequences=config.parallel,
        rows=max(_ROWS, config.parallel),
        threads=usable_threads(config.threads),
        kv_type=config.kv_type,
        outputs=UNTILED_ROWS if config.speculation else 0,
        exact=exact,
    )
    context = Context(file, shape)
    context_tokens = min(config.context_tokens, context.memory.total)
    speeds = measure(context, config.parallel, drafts=config.speculation)
    scheduler = Scheduler(Capacity(config.parallel, context.memory.total), speeds)
    engine = Engine(
        EngineSetup(
            new_context=lambda: Context(file, shape),
            context=context,
            vocabulary=vocabulary,
            scheduler=scheduler,
            speeds=speeds,
            meter=meter,
            policy=ParkingPolicy(
                host_cache=HostCache(config.host_cache_mib, file.n_swa),
                prefill=speeds.prefill,
                n_swa=file.n_swa,
                cold_rows=0 if file.on_gpu else _COLD_ROWS,
            ),
            sequences=config.parallel,
            tiled=not file.on_gpu,
            speculation=config.speculation,
        )
    )
    limit = max(1, context_tokens - ANSWER_RESERVE)
    prompter = Prompter(form, vocabulary, context=context_tokens, limit=limit)
    admission = AdmissionController(limits, scheduler)
    samplers = SamplerMaker(vocabulary, context_tokens)
    # Last, for it goes on beside whatever comes next: the measurement would see a slow machine.
    reader = ThreadPoolExecutor(1, thread_name_prefix="pieces")
    pieces = reader.submit(vocabulary.pieces)
    reader.shutdown(wait=False)
    return ReadyModel(
        file,
        engine,
        admission,
        scheduler,
        speeds,
        prompter,
        samplers,
        Grammars(vocabulary, pieces),
        AnswerRules(vocabulary, pieces),
        context_tokens,
    )
