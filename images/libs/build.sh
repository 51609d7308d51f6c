#!/bin/bash
# Fills /out with the compiled engine: build.sh VARIANT CUDA_ARCHITECTURES JOBS. Runs in the build stage of the libs image.
set -euo pipefail
variant=$1 architectures=$2 jobs=${3:-$(nproc)}
libs=/out/opt/python-libs
mkdir -p "$libs" /out/bin /out/tmp

# uv does not count the environment into the key of its wheel cache, so each variant has a cache of its own.
cache=/root/.cache/uv/$variant
export UV_CACHE_DIR=$cache
# Everything that decides what the compiler makes: sources by their hashes, flags, this script, compiler and libc.
key=$({ cat engine.txt uv.toml cuda.txt "$0"; echo "$architectures"; gcc --version; ldd --version; uname -m; } | sha256sum | cut -c1-16)
export CMAKE_BUILD_PARALLEL_LEVEL=$jobs

if [ "$variant" != cpu ] && [ "$variant" != cuda ]; then
  echo "VARIANT must be cpu or cuda, not '$variant'" >&2
  exit 1
fi

compile() {
  if [ "$variant" = cuda ]; then
    uv venv -q /cuda
    uv pip install -q --python /cuda --require-hashes -r cuda.txt
    cuda=$(echo /cuda/lib/python3.*/site-packages/nvidia/cu13)
    ln -sfn lib "$cuda/lib64"
    for library in cudart cublas cublasLt; do
      ln -sf "$(basename "$(ls "$cuda"/lib/lib$library.so.1*)")" "$cuda/lib/lib$library.so"
    done
    export CUDACXX=$cuda/bin/nvcc
    # The driver's libcuda is only on a GPU node: NO_VMM keeps the backend from linking to it.
    export CMAKE_ARGS="-DGGML_CUDA=ON -DGGML_CUDA_NO_VMM=ON -DGGML_CUDA_NCCL=OFF -DCUDAToolkit_ROOT=$cuda -DCMAKE_CUDA_ARCHITECTURES=$architectures"
  fi

  uv pip install --target "$libs" --require-hashes -r engine.txt
  # What the services bring themselves, at the same pinned versions, need not travel twice.
  uv pip uninstall -q --system --target "$libs" numpy jinja2 markupsafe typing-extensions
  rm -rf "$libs"/{bin,include,lib,share} "$libs"/llama_cpp/server
  find "$libs" -name __pycache__ -prune -exec rm -rf {} +

  # A wheel cannot hold links, so each library came three times: keep the file and link the names.
  cd "$libs/llama_cpp/lib"
  for real in *.so.*.*.*; do
    name=${real%%.so.*}.so
    soname=$(readelf -d "$real" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')
    ln -sf "$real" "$soname"
    ln -sf "$soname" "$name"
  done
  strip --strip-unneeded ./*.so.*.*.*
  # The OpenMP runtime is not in a slim base image.
  cp -L "$(gcc -print-file-name=libgomp.so.1)" .
  if [ "$variant" = cuda ]; then
    for library in cudart cublas cublasLt; do
      cp -L "$cuda/lib/lib$library.so" "$(readelf -d "$cuda/lib/lib$library.so" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')"
    done
  fi
  cd /build
  python3 manifest.py "$libs" "$variant" "$architectures" > "$libs/manifest.json"
  tar -C "$libs" -cf "$cache/libs-$key.tar.new" .
  mv "$cache/libs-$key.tar.new" "$cache/libs-$key.tar"
}

if [ -f "$cache/libs-$key.tar" ]; then
  echo "the same sources, flags and compiler as before: taken from the build cache ($key)"
  tar -C "$libs" -xf "$cache/libs-$key.tar"
else
  compile
fi
cat "$libs/manifest.json"

cp /bin/busybox /out/bin/busybox
for tool in sh cp mv rm ls cat sleep mkdir test echo du df; do ln -s busybox "/out/bin/$tool"; done
chmod 1777 /out/tmp
# As an image volume the image's root is mounted at /opt/python-libs: the same names lead there.
for entry in "$libs"/*; do ln -s "opt/python-libs/$(basename "$entry")" "/out/$(basename "$entry")"; done
