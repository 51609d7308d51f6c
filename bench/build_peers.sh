#!/bin/sh
# Makes the peers of a comparison from what llama-cpp-python carries: same commit, same CPU flags.
# usage: bench/build_peers.sh [FOLDER]   (default: ~/.cache/chatbot-bench)
# FOLDER/build/bin/llama-server from the sdist's own source, about ten minutes on two cores;
# FOLDER/llama_cpp_server is what llama_cpp.server imports beside what .venv holds.
set -eu
folder="${1:-$HOME/.cache/chatbot-bench}"
root="$(cd "$(dirname "$0")/.." && pwd)"
wanted="$(sed -n 's/^\(llama-cpp-python==[^ ]*\).*/\1/p' "$root/requirements/engine.txt")"
mkdir -p "$folder"

# The compiled package brings its server, not what the server imports.
"$root/.tools/bin/uv" pip install --quiet --python "$root/.venv/bin/python" --no-deps \
    --target "$folder/llama_cpp_server" sse-starlette starlette-context

if [ ! -d "$folder/source" ]; then
    python3 -m venv "$folder/download"
    "$folder/download/bin/python" -m pip download -q --no-deps --no-binary llama-cpp-python -d "$folder" "$wanted"
    mkdir -p "$folder/source"
    tar -xzf "$folder"/llama_cpp_python-*.tar.gz -C "$folder/source" --strip-components 1
fi
cmake -S "$folder/source/vendor/llama.cpp" -B "$folder/build" -DCMAKE_BUILD_TYPE=Release \
    -DGGML_NATIVE=OFF -DGGML_AVX=ON -DGGML_AVX2=ON -DGGML_FMA=ON -DGGML_F16C=ON -DGGML_BMI2=ON \
    -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_APP=OFF \
    -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_BUILD_SERVER=ON -DBUILD_SHARED_LIBS=ON
nice -n 15 cmake --build "$folder/build" --target llama-server --parallel "${JOBS:-2}"
