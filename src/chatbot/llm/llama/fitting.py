"""What goes to the card, decided at start from the model's own facts and the memory that is free there.

The settings may leave layers and pool open (``GPU_LAYERS=auto``, ``POOL_TOKENS=0``). The arithmetic is that
of ``chatbot doctor`` and of the chart's check (chatbot.domain.vram).
"""

import logging

from chatbot.domain.config import EngineConfig
from chatbot.domain.vram import CONTEXT_MIB, OVERHEAD_MIB, choose, kv_type_problem, pool_on_cpu, wish_of
from chatbot.llm.llama.card import card_memory
from chatbot.llm.llama.model_file import facts_of

_LOGGER = logging.getLogger("chatbot.llm.llama")


def fitted(config: EngineConfig) -> EngineConfig:
    """The configuration with layers and pool decided; what is set stays as it is.

    Says on the log what was chosen and why, and warns where what is set will probably not fit.

    Raises:
        ValueError: the file is no model, its pool cannot be of the set type, or there is no such card.
    """
    if config.kv_type != "f16":
        _check_kv_type(config)
    if config.gpu_layers == 0:
        pool = pool_on_cpu(config.pool_tokens, config.context_tokens)
        return config.model_copy(update={"pool_tokens": pool})
    card = card_memory(config.gpu)
    if card is None:
        raise ValueError(
            f"GPU layers are asked for (--gpu or GPU_LAYERS), but this llama.cpp was compiled without GPU "
            f"support or finds no card {config.gpu}"
        )
    wish = wish_of(
        config.gpu_layers, config.pool_tokens, config.context_tokens, config.parallel, config.kv_type
    )
    facts = facts_of(config.model_path)
    budget = min(card.free_mib, card.total_mib // config.card_sharers)
    choice = choose(facts, wish, card_mib=budget, overhead_mib=OVERHEAD_MIB - CONTEXT_MIB)
    needs = choice.plan
    layers = "all" if choice.gpu_layers < 0 else choice.gpu_layers
    _LOGGER.log(
        logging.INFO if needs.fits and choice.gpu_layers < 0 else logging.WARNING,
        "%s: %s of %d layers on card %d, a pool of %d tokens (%s): weights %d + KV %d + overhead %d = %d MiB "
        "%s %d MiB free",
        *(facts.name, layers, facts.layers, config.gpu, choice.pool_tokens, config.kv_type),
        *(needs.weights_mib, needs.kv_mib, needs.overhead_mib, needs.needed_mib),
        *("of" if needs.fits else "BUT ONLY", budget),
    )
    return config.model_copy(update={"gpu_layers": choice.gpu_layers, "pool_tokens": choice.pool_tokens})


def _check_kv_type(config: EngineConfig) -> None:
    problem = kv_type_problem(facts_of(config.model_path), config.kv_type, on_card=config.gpu_layers != 0)
    if problem:
        raise ValueError(problem)
