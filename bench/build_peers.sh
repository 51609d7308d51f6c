#!/bin/sh
# Builds llama-server from the source that llama-cpp-python's sdist carries: same commit, same CPU flags.
# usage: bench/build_peers.sh [FOLDER]   (default: ~/.cache/chatbot-bench)
# The binary is FOLDER/build/bin/llama-server. About ten minutes on two cores.
set -eu
folder="${1:-$HOME/.cache/chatbot-bench}"
root="$(cd "$(dirname "$0")/.." && pwd)"
mkdir -p "$folder"
if [ ! -d "$folder/source" ]; then
    version="$("$root/.venv/bin/python" -c 'from importlib.metadata import version as v; print(v("llama-cpp-python"))')"
    python3 -m venv "$folder/download"
    "$folder/download/bin/python" -m pip download -q --no-deps --no-binary llama-cpp-python \
        -d "$folder" "llama-cpp-python==$version"
    mkdir -p "$folder/source"
    tar -xzf "$folder"/llama_cpp_python-*.tar.gz -C "$folder/source" --strip-components 1
fi
cmake -S "$folder/source/vendor/llama.cpp" -B "$folder/build" -DCMAKE_BUILD_TYPE=Release \
    -DGGML_NATIVE=OFF -DGGML_AVX=ON -DGGML_AVX2=ON -DGGML_FMA=ON -DGGML_F16C=ON -DGGML_BMI2=ON \
    -DLLAMA_CURL=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF \
    -DLLAMA_BUILD_WEBUI=OFF -DLLAMA_BUILD_SERVER=ON -DBUILD_SHARED_LIBS=ON
nice -n 15 cmake --build "$folder/build" --target llama-server --parallel "${JOBS:-2}"
