"""A wrong pairing of engine and machine ends in one sentence that says what to do."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from chatbot.adapters.libs import manifest_of, require_fitting_libs, this_host
from chatbot.domain.errors import StartupError
from chatbot.domain.libs import HostFacts, LibsManifest, misfit

HERE: dict[str, Any] = {
    "python": "3.11",
    "glibc": "2.36",
    "architecture": "x86_64",
    "cpu_features": {"avx2", "fma"},
}
CPU: dict[str, Any] = {
    "variant": "cpu",
    "python": "3.11",
    "glibc": "2.34",
    "architecture": "x86_64",
    "cpu_features": ["avx2", "fma"],
}
CUDA = {**CPU, "variant": "cuda", "cuda": {"runtime": "13.0", "architectures": ["75", "86"]}}


def sentence(libs: dict[str, Any], place: dict[str, Any], layers: int = 0) -> str | None:
    return misfit(
        LibsManifest.model_validate(libs), HostFacts.model_validate({**HERE, **place}), with_cards=layers != 0
    )


@pytest.mark.parametrize(
    ("libs", "place", "layers", "said"),
    [
        (CPU, {}, 0, None),
        (CPU, {"python": "3.12"}, 0, "for Python 3.11, this is 3.12"),
        (CPU, {"glibc": "2.31"}, 0, "need glibc 2.34, here is 2.31"),
        (CPU, {"architecture": "aarch64"}, 0, "for x86_64, this machine is aarch64"),
        (CPU, {"cpu_features": {"avx2"}}, 0, "use fma, which this processor lacks"),
        (CPU, {}, -1, "compiled for the CPU: use the cuda libs image"),
        (CUDA, {}, 0, None),
        (CUDA, {"cards": None}, -1, "no NVIDIA driver answers"),
        (CUDA, {"cards": []}, -1, "no card is visible"),
        (CUDA, {"cards": ["75"]}, -1, None),
        (CUDA, {"cards": ["86"]}, 20, None),
        (CUDA, {"cards": ["89"]}, -1, None),
        (CUDA, {"cards": ["61"]}, -1, "the card is sm_61, the libs hold sm_75, sm_86"),
        (CUDA, {"cards": ["120"]}, -1, "the card is sm_120"),
    ],
)
def test_what_does_not_fit_is_said(
    libs: dict[str, Any], place: dict[str, Any], layers: int, said: str | None
) -> None:
    found = sentence(libs, place, layers)
    assert found is None if said is None else said in (found or "")


def libs_folder(folder: Path, manifest: dict[str, Any]) -> None:
    (folder / "llama_cpp").mkdir()
    (folder / "llama_cpp" / "__init__.py").write_text(
        "raise SystemExit('it must not be loaded to be checked')"
    )
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_the_folder_is_checked_without_loading_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = this_host(with_cards=False)
    fitting = {
        **CUDA,
        "python": place.python,
        "architecture": place.architecture,
        "cpu_features": [],
        "glibc": "2.2",
    }
    libs_folder(tmp_path, fitting)
    monkeypatch.delitem(sys.modules, "llama_cpp", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    require_fitting_libs(with_cards=False)
    monkeypatch.setattr("chatbot.adapters.libs._cards", lambda: None)
    with pytest.raises(StartupError, match="no NVIDIA driver answers"):
        require_fitting_libs(with_cards=True)


def test_a_broken_manifest_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(StartupError, match="is not a manifest of the libs image"):
        manifest_of(tmp_path)
    assert manifest_of(tmp_path / "elsewhere") is None


def test_this_place_knows_itself() -> None:
    place = this_host(with_cards=False)
    assert place.python == f"3.{sys.version_info.minor}"
    assert place.architecture
    if sys.platform == "linux":
        assert place.glibc.startswith("2.")
        assert place.architecture != "x86_64" or "sse2" in place.cpu_features
