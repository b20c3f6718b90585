"""Writes the first inputs of the fuzzers from vectors.json: python3 tests/fuzz/seeds.py (from the root).

What they then find of interest, as little of it as reaches all that it reaches, is added by libFuzzer itself:
build-fuzz/bin/fuzz_core -merge=1 -max_len=512 tests/fuzz/corpus/core build-fuzz/found/core
"""

import json
import pathlib

corpus = pathlib.Path("tests/fuzz/corpus")
vectors = json.loads(pathlib.Path("sidecar/protocol/vectors.json").read_text())
for kind in ("decode", "stream", "session", "core", "review", "inference", "connection"):
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
# Inference requests of each form, and what HTTP clients send.
def tensor(datatype, shape, data):
    return {"name": "x", "datatype": datatype, "shape": shape, "data": data}
inputs = [
    tensor("FP32", [1, 2], [1.5, -2e3]), tensor("INT64", [2, 2], [[1, 2], [3, 4]]), tensor("BYTES", [2], ["a", "\u00e4"]),
    tensor("BOOL", [1], [True]), tensor("UINT8", [0], []), tensor("FP64", [], [1]), tensor("FP16", [1], [1]),
]
for i, each in enumerate(inputs):
    body = {"id": "1", "inputs": [each, {**each, "name": "y"}], "outputs": [{"name": "x", "parameters": {"binary_data": True}}]}
    (corpus / "inference" / f"json-{i}").write_text(json.dumps(body))
head = json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": [2], "parameters": {"binary_data_size": 8}}],
                   "parameters": {"binary_data_output": True}}).encode()
(corpus / "inference" / "binary").write_bytes(b"%d\n" % len(head) + head + bytes(range(8)))
(corpus / "inference" / "binary-short").write_bytes(b"%d\n" % len(head) + head + b"1234")
requests = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"POST /a?b=c%20d HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
    b"GET / HTTP/1.0\r\n\r\n", b"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2147483648\r\n\r\n", b"\x16\x03\x01\x02\x00\x01",
    b"GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n",
]
for i, each in enumerate(requests):
    (corpus / "connection" / f"request-{i}").write_bytes(each)
