"""The bench of drafts puts a sampler of its own in the engine's place, where no type checker looks."""

from inspect import signature

from bench.speculation import ForcedSampler

from chatbot.llm.llama.sampler import Sampler


def test_a_forced_sampler_is_made_as_the_engine_makes_its_own() -> None:
    assert signature(ForcedSampler) == signature(Sampler)
