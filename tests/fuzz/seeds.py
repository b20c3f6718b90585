"""Writes the first inputs of the fuzzers from vectors.json: python3 tests/fuzz/seeds.py (from the root).

What they then find of interest, as little of it as reaches all that it reaches, is added by libFuzzer itself:
build-fuzz/bin/fuzz_core -merge=1 -max_len=512 tests/fuzz/corpus/core build-fuzz/found/core
"""

import json
import pathlib

corpus = pathlib.Path("tests/fuzz/corpus")
vectors = json.loads(pathlib.Path("sidecar/protocol/vectors.json").read_text())
for kind in ("decode", "stream", "session", "core", "review"):
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
# Reviews as API servers send them, of Pods that differ in what counts for injection.
container = {"name": "app", "image": "web:1", "command": ["serve"]}
pods = [
    {"containers": [container]},
    {"containers": [{**container, "env": [{"name": "SCANFLOW_STEP", "value": "x"}], "volumeMounts": []}]},
    {"containers": [{"name": "app"}], "initContainers": [container], "volumes": None},
    {"containers": [container, {"name": "log"}], "shareProcessNamespace": False, "hostNetwork": True},
    {"containers": [container], "securityContext": {"runAsUser": 7}, "restartPolicy": "Never"},
    {"containers": [{**container, "livenessProbe": {"periodSeconds": 3}, "resources": {"limits": {"memory": "1Gi"}}}]},
    {"containers": "none"},
]
annotations = [{}, {"scanflow.dev/inject": "enabled"}, {"scanflow.dev/memory-limit": "lots"}, {"scanflow.dev/injected": "{}"}]
for i, spec in enumerate(pods):
    metadata = {"generateName": "web-", "annotations": annotations[i % len(annotations)]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    request = {"uid": "u", "operation": "CREATE", "namespace": "shop", "kind": {"kind": "Pod"}, "object": pod}
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    (corpus / "review" / f"pod-{i}").write_text(json.dumps(review))
