"""Writes the first inputs of the fuzzers from vectors.json: python3 tests/fuzz/seeds.py (from the root).

What they then find of interest, as little of it as reaches all that it reaches, is added by libFuzzer itself:
build-fuzz/bin/fuzz_core -merge=1 -max_len=512 tests/fuzz/corpus/core build-fuzz/found/core
"""

import json
import pathlib

corpus = pathlib.Path("tests/fuzz/corpus")
vectors = json.loads(pathlib.Path("sidecar/protocol/vectors.json").read_text())
for kind in ("decode", "stream", "session", "core"):
    (corpus / kind).mkdir(parents=True, exist_ok=True)
whole = b""
for group in ("accept", "accept_as", "refuse"):
    for i, vector in enumerate(vectors[group]):
        message = bytes.fromhex(vector["hex"])
        framed = len(message).to_bytes(4, "little") + message
        if group == "accept":
            whole += framed
        (corpus / "decode" / f"{group}-{i}").write_bytes(message)
        (corpus / "stream" / f"{group}-{i}").write_bytes(bytes([i]) + framed)
(corpus / "stream" / "accept-all").write_bytes(b"\x06" + whole)
# Scripts have no form that is worth being written by hand: bytes of each value, in two orders.
for kind in ("session", "core"):
    for i in range(8):
        (corpus / kind / f"bytes-{i}").write_bytes(bytes((k * (2 * i + 1) + i) % 256 for k in range(96)))
