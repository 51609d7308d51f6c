"""Writes the random models that benchmarks use beside the packaged one; what they say means nothing.

usage: python -m bench.models wide|8b FILE.gguf

``wide``: a small Llama with Llama 3's number of tokens, on which sampling weighs more than on the packaged
model. ``8b``: the shape of Llama 3.1 8B in the types of a Q4_K_M file (4.7 GB), for cards without the real
weights at hand.
"""

import argparse
from pathlib import Path

from tests.support.gguf_factory import WIDE, Plan, write_model

PLANS = {
    "wide": Plan(WIDE, embedding=512, layers=12, heads=8, kv_heads=2, feed_forward=1536, quantised=True),
    "8b": Plan(WIDE, embedding=4096, layers=32, heads=32, kv_heads=8, feed_forward=14336, quantised=True),
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("shape", choices=PLANS)
    parser.add_argument("file", type=Path)
    given = parser.parse_args()
    write_model(given.file, PLANS[given.shape])
    print(f"{given.file}: {given.file.stat().st_size / 1e9:.2f} GB")
