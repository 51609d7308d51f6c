"""What a folder of compiled libraries needs of the place that uses it, and whether it is given."""

from pydantic import BaseModel, ConfigDict


class CudaBuild(BaseModel):
    """A CUDA build: its runtime's version and the compute capabilities compiled for (``75``, ``86``)."""

    model_config = ConfigDict(frozen=True)

    runtime: str
    architectures: tuple[str, ...]


class LibsManifest(BaseModel):
    """The manifest that images/libs writes beside the libraries."""

    model_config = ConfigDict(frozen=True)

    variant: str
    python: str
    glibc: str
    architecture: str
    cpu_features: tuple[str, ...] = ()
    cuda: CudaBuild | None = None


class HostFacts(BaseModel):
    """Where a service starts; ``cards`` holds compute capabilities, None where no driver answers."""

    model_config = ConfigDict(frozen=True)

    python: str
    glibc: str
    architecture: str
    cpu_features: frozenset[str] = frozenset()
    cards: tuple[str, ...] | None = None


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def misfit(libs: LibsManifest, place: HostFacts, *, with_cards: bool) -> str | None:
    """One sentence that says what does not fit and what to do; None when everything does."""
    if libs.python != place.python:
        return (
            f"the libs are for Python {libs.python}, this is {place.python}: build both images from one base"
        )
    if libs.architecture != place.architecture:
        return (
            f"the libs are for {libs.architecture}, this machine is {place.architecture}: use its libs image"
        )
    if place.glibc and _version(libs.glibc) > _version(place.glibc):
        return f"the libs need glibc {libs.glibc}, here is {place.glibc}: build both images from one base"
    missing = sorted(set(libs.cpu_features) - place.cpu_features) if place.cpu_features else []
    if missing:
        return f"the libs use {', '.join(missing)}, which this processor lacks: build them without"
    return _card_misfit(libs, place) if with_cards else None


def _card_misfit(libs: LibsManifest, place: HostFacts) -> str | None:
    if libs.cuda is None:
        return "the model is to run on a GPU, but the libs are compiled for the CPU: use the cuda libs image"
    if place.cards is None:
        return "the libs are compiled for CUDA, but no NVIDIA driver answers: ask for a GPU, or 0 GPU layers"
    if not place.cards:
        return "the libs are compiled for CUDA, but no card is visible: ask for a GPU, or 0 GPU layers"
    foreign = [card for card in place.cards if not _runs(card, libs.cuda.architectures)]
    if foreign:
        return (
            f"the card is sm_{foreign[0]}, the libs hold sm_{', sm_'.join(libs.cuda.architectures)}: "
            "build the libs with its architecture"
        )
    return None


def _runs(card: str, architectures: tuple[str, ...]) -> bool:
    """Real code runs on its own major version from its own minor version on."""
    return any(card[:-1] == built[:-1] and card[-1] >= built[-1] for built in architectures)
