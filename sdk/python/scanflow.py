"""Scanflow for Python programs: what a step is given, what it hands back, and how it is steered.

One file without dependencies, for Python 3.9 and later. Without Scanflow a program runs all the same:
what it would hand back is printed, and nobody steers it.

    import scanflow

    rate = scanflow.params.get("rate", 0.1)
    data = scanflow.inputs["dataset"]              # a path

    @scanflow.command
    def set_param(rate: float):
        "changes the learning rate"
        globals().update(rate=rate)

    @scanflow.checkpoint
    def save(path):
        write_file(path, model, epoch)

    scanflow.pausable()
    model, first = read_file(scanflow.last_checkpoint()) if scanflow.last_checkpoint() else (new_model(), 0)
    for epoch in range(first, scanflow.params.get("epochs", 3)):
        scanflow.safe_point()                      # commands are carried out here; waits while paused
        scanflow.metric("loss", train(rate), step=epoch)
        scanflow.progress((epoch + 1) / 3, f"epoch {epoch + 1}")
        save()                                     # and whenever somebody asks for it, at a safe point
    scanflow.output("rate", rate)
    model.save(scanflow.artifact("model"))         # a path to write to
"""

import hashlib
import inspect
import json
import os
import queue
import re
import socket
import sys
import threading

__all__ = ["params", "inputs", "threads", "run_id", "step_id", "attempt", "output", "metric", "artifact",
           "checkpoint_dir", "last_checkpoint", "checkpoint", "progress", "log", "command", "pausable", "safe_point"]


def _read_params():
    path = os.environ.get("SCANFLOW_PARAMS")
    if not path:
        return {}
    with open(path, encoding="utf-8") as file:
        return json.load(file)


class _Inputs(dict):
    """Name -> path. Finds data-set as data_set too: the environment does not tell them apart."""

    def __missing__(self, name):
        key = re.sub(r"[^a-z0-9]", "_", name.lower())
        if dict.__contains__(self, key):
            return dict.__getitem__(self, key)
        raise KeyError(f"the step has no input '{name}' ({', '.join(self) or 'none at all'}); give it an artifact")


params = _read_params()
inputs = _Inputs({name[len("SCANFLOW_INPUT_"):].lower(): path for name, path in os.environ.items()
                  if name.startswith("SCANFLOW_INPUT_")})
threads = int(os.environ.get("SCANFLOW_THREADS") or os.cpu_count() or 1)
run_id = os.environ.get("SCANFLOW_RUN", "")
step_id = os.environ.get("SCANFLOW_STEP", "")
attempt = int(os.environ.get("SCANFLOW_ATTEMPT") or 1)


def log(*words):
    """A line of the attempt's log, at once."""
    print(*words, flush=True)


def _append(variable, line, by_hand):
    path = os.environ.get(variable)
    if not path:
        log(by_hand)
        return
    with open(path, "a", encoding="utf-8") as file:  # one write: lines of several threads do not mix
        file.write(line + "\n")


_MAX_ANSWER = 48 << 10  # bytes, of the 64 KiB of a line


def _answer(name, value):
    """What a command gives back, as an object that the other side takes."""
    value = {} if value is None else value if isinstance(value, dict) else {"value": value}
    size = len(json.dumps(value, allow_nan=False))
    if size > _MAX_ANSWER:
        raise ValueError(f"{name} gave {size} bytes back, {_MAX_ANSWER} at most: write a file and give its path")
    return value


def output(name, value):
    """Hands a value back: anything that JSON holds."""
    text = json.dumps(value)
    _append("SCANFLOW_OUTPUT", f"{name}={text}", f"output {name} = {text}")


def metric(name, value, step=None, **labels):
    """A value at a training step (an epoch, a batch): kept in full."""
    words = [name, repr(float(value))]
    if step is not None:
        words.append(f"step={int(step)}")
    words += [f"{label}={text}" for label, text in labels.items()]
    _append("SCANFLOW_METRICS", " ".join(words), "metric " + " ".join(words))


def artifact(name):
    """The path where to write it: what lies there when the program ends well becomes the artifact."""
    directory = os.environ.get("SCANFLOW_ARTIFACTS") or "artifacts"
    os.makedirs(directory, exist_ok=True)
    return os.path.join(directory, name)


def checkpoint_dir():
    """A directory that the step's attempts share, made where it is missing: what one leaves there the next
    one finds, until one has succeeded. Without Scanflow: checkpoints, where the program runs."""
    directory = os.environ.get("SCANFLOW_CHECKPOINTS") or "checkpoints"
    os.makedirs(directory, mode=0o700, exist_ok=True)
    return directory


def last_checkpoint():
    """The path of what @checkpoint wrote last, in this attempt or an earlier one; None: there is none."""
    path = os.path.join(checkpoint_dir(), "checkpoint")
    return path if os.path.exists(path) else None


def _put_checkpoint(path, said):
    """Puts the finished file in its place: whoever is killed meanwhile leaves the old one or the new one."""
    digest = hashlib.sha256()
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
        while block := file.read(1 << 20):
            digest.update(block)
        size = file.tell()
    place = os.path.join(os.path.dirname(path), "checkpoint")
    os.replace(path, place)
    directory = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        os.fsync(directory)  # so that the new name, too, is on the disk
    finally:
        os.close(directory)
    return {"path": place, "sha256": digest.hexdigest(), "bytes": size, **(said or {})}


def checkpoint(function):
    """Offers the command checkpoint: function(path) writes one file there, which replaces the last one when
    it is finished; a dict that it returns is added to the answer (the path, its SHA-256, bytes). The program
    itself calls it without a path."""

    def save():
        path = os.path.join(checkpoint_dir(), "checkpoint.unfinished")
        return _put_checkpoint(path, function(path))

    save.__doc__ = function.__doc__
    _add("checkpoint", save, "writes down where it is, so that another attempt can go on", False)
    return save


def progress(fraction, message=""):
    """How far it is (0 to 1; below 0: unknown), and a few words for a person. Shown live, not kept."""
    link = _connect()
    if link is None:
        log(f"progress {fraction:.0%} {message}" if fraction >= 0 else f"progress {message}")
    else:
        link.say({"progress": {"fraction": fraction, "message": message}})


# --- being steered ---

_commands = {}  # name -> (function, offer, at_once)
_waiting = queue.Queue()  # (call, name, arguments), for the thread that calls safe_point
_paused = False
_link = None
_link_lock = threading.Lock()
_TYPES = {int: "integer", float: "number", str: "string", bool: "boolean", list: "array", dict: "object"}


def _schema(function):
    """The JSON Schema of its parameters: their annotations are the types."""
    properties, required = {}, []
    for name, parameter in inspect.signature(function).parameters.items():
        field = {}
        annotation = parameter.annotation
        if isinstance(annotation, str):  # from __future__ import annotations
            annotation = {kind.__name__: kind for kind in _TYPES}.get(annotation)
        if annotation in _TYPES:
            field["type"] = _TYPES[annotation]
        if parameter.default is inspect.Parameter.empty:
            required.append(name)
        elif parameter.default is None:
            field.pop("type", None)
        else:
            field["default"] = parameter.default
        properties[name] = field
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = required
    return schema


def _add(name, function, summary, at_once):
    offer = {"name": name, "summary": summary[:200], "schema": _schema(function)}
    _commands[name] = (function, offer, at_once)
    link = _connect()
    if link is not None:
        link.say({"offers": [each for _, each, _ in _commands.values()]})


def command(function=None, *, name=None, summary=None, at_once=False):
    """Offers a function as a command: it is called by the thread that calls safe_point(), or (at_once) by
    another one, at any time. What it returns (a dict, or None) is the answer; what it raises fails the
    command, not the program. Without a name, the function's; without a summary, its first doc line."""

    def offer(target):
        words = summary if summary is not None else (inspect.getdoc(target) or "").split("\n")[0]
        _add(name or target.__name__, target, words, at_once)
        return target

    return offer if function is None else offer(function)


def pausable():
    """Offers pause and resume: safe_point() waits meanwhile."""

    def set_paused(paused):
        global _paused
        _paused = paused
        return {"paused": paused}

    _add("pause", lambda: set_paused(True), "waits at its next safe point until it is resumed", False)
    _add("resume", lambda: set_paused(False), "goes on", False)


def safe_point():
    """Carries out the commands that wait, and waits itself while it is paused. To be called often, by one
    thread."""
    while True:
        try:
            call, name, arguments = _waiting.get(block=_paused)
        except queue.Empty:
            return
        if call is None:  # nobody can resume it any more
            globals()["_paused"] = False
        else:
            _execute(call, name, arguments)


def _execute(call, name, arguments):
    try:
        value = _commands[name][0](**arguments)
        answer = {"call": call, "outcome": "DONE", "value": _answer(name, value)}
    except Exception as error:  # pylint: disable=broad-except
        answer = {"call": call, "outcome": "FAILED", "value": {"message": f"{type(error).__name__}: {error}"}}
    _link.say(answer)


class _Link:
    """The connection at $SCANFLOW_SOCKET, and the thread that listens to it."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(path)
        self._lock = threading.Lock()
        self._pid = os.getpid()  # a forked child has the connection, but is not asked
        threading.Thread(target=self._listen, daemon=True).start()

    def say(self, line):
        if os.getpid() != self._pid:
            return
        try:
            with self._lock:
                self._socket.sendall((json.dumps(line) + "\n").encode())
        except OSError:
            pass  # the listening thread meets it too, and says so

    def _listen(self):
        with self._socket.makefile("r", encoding="utf-8") as lines:
            try:
                for line in lines:
                    asked = json.loads(line)
                    name = asked["command"]
                    if _commands[name][2]:
                        _execute(asked["call"], name, asked["arguments"])
                    else:
                        _waiting.put((asked["call"], name, asked["arguments"]))
            except OSError as error:
                log(f"scanflow: the connection broke: {error}")
        _waiting.put((None, "", {}))


def _connect():
    """The connection; None without Scanflow, or where this host has none."""
    global _link
    with _link_lock:
        path = os.environ.get("SCANFLOW_SOCKET")
        if _link is None and path:
            try:
                _link = _Link(path)
            except OSError as error:
                print(f"scanflow: cannot connect to {path}: {error}; nobody can steer this", file=sys.stderr)
                os.environ["SCANFLOW_SOCKET"] = ""
        return _link
