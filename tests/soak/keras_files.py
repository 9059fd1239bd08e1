"""Damaged and hostile .keras and .h5 files, loaded in a process whose file accesses, imports and processes are traced.

Python's audit hooks see what is done from Python. What C++ code does is seen in the folder around the file, which must
be the same afterwards.
"""

import json
import os
import random
import shutil
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tools import model_files, temporary
from tools.quiet import without_warnings

from ._faults import Attack
from ._mutations import blind

TITLE = "hostile Keras files"
SHORT = 12
CASE_SECONDS = 60.0
MEMORY_BYTES = 1 << 30

TRAP = "kerf_soak_trap"  # a module that leaves a file when it is imported
TRAP_SOURCE = "open({0!r}, 'w').close()\ndef evil(*a, **k): return a[0]\n"
MODULES = (
    *("", "builtins", "os", "subprocess", "importlib", "pickle", "shutil", "pathlib", "tensorflow", TRAP),
    *("keras", "keras.layers", "tf_keras", "keras.utils", "keras.callbacks", "keras.models", "keras.activations"),
    *("keras.initializers", "keras.export", "keras.src.saving.saving_lib", "keras.src.utils.python_utils"),
    *("keras.src.ops.numpy", "keras.src.legacy.saving", "keras.src.utils.file_utils", "keras.src.utils.jax_layer"),
    "tensorflow.python.ops.gen_io_ops",
)
NAMES = (
    *("system", "Popen", "eval", "exec", "import_module", "load", "rmtree", "Path", "open", "get_file", "load_model"),
    *("func_load", "Lambda", "TFSMLayer", "TorchModuleWrapper", "CSVLogger", "ModelCheckpoint", "FeatureSpace"),
    *("ExportArchive", "DiskIOStore", "H5IOStore", "JaxLayer", "StringLookup", "TextVectorization", "Hashing"),
    *("deserialize", "get", "relu", "Constant", "Functional", "Sequential", "TFOpLambda", "function", "__lambda__"),
    *("write_file", "read_file", "print_v2", "py_function", "numpy_function", "vectorized_map", "KerasTensor"),
    *("Operation", "Dense", "evil"),
)
VALUES = (
    *(None, True, 0, -1, 1 << 40, 1e308, "", "relu", "os.system", "/etc/passwd", "../trap", "file:///etc/passwd"),
    *([], {}, [[[[[]]]]], "x" * 5000, "\u202e\x1b[2J", {"class_name": "__lambda__", "config": {"value": "4wEA"}}),
)
REFUSED = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "pty.spawn")
REFUSED += ("socket.connect", "socket.bind", "urllib.Request", "ctypes.dlopen", "pickle.find_class", "webbrowser.open")
CHANGES = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.chmod", "os.symlink", "os.link", "os.truncate")


class Watch:
    """An audit hook that records forbidden actions while it is on. A hook cannot be removed."""

    def __init__(self, allowed: list[Path]) -> None:
        self.allowed = [f"{path}/" for path in allowed]
        self.secret = ""
        self.is_on = False
        self.seen: list[str] = []
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.is_on:
            return
        if event in REFUSED or (event == "import" and str(arguments[0]).startswith(TRAP)):
            self.seen.append(f"{event} {arguments!r}"[:300])
        elif event in CHANGES or event == "open":
            path = place(arguments) if event != "open" else place(arguments[:1])
            writes = event != "open" or bool((arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR))
            if event == "os.mkdir" and os.path.isdir(path):  # changes nothing
                return
            if path.startswith(self.secret) or (writes and path and path != os.devnull and not self._may(path)):
                self.seen.append(f"{event} {arguments!r}"[:300])

    def _may(self, path: str) -> bool:
        return any(path.startswith(folder) for folder in self.allowed)


def place(arguments: tuple[Any, ...]) -> str:
    """The path in an event's arguments, of which the last may be a folder's file descriptor; "" for a descriptor."""
    if not isinstance(arguments[0], (str, bytes)):
        return ""
    path, folder = os.fsdecode(arguments[0]), arguments[-1]
    if isinstance(folder, int) and folder >= 0 and not os.path.isabs(path):
        path = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), path)
    return os.path.abspath(path)


@contextmanager
def attacks(folder: Path) -> Iterator[Attack]:
    models = base_models(folder)
    (folder / f"{TRAP}.py").write_text(TRAP_SOURCE.format(str(folder / "trap")))
    sys.path.append(str(folder))
    with temporary.own_folder() as own:
        watch = Watch([own])
        for model in models:  # what Keras imports the first time
            model_files.load(model, folder / "log")
        yield partial(attack, models, watch, folder)


def base_models(folder: Path) -> list[Path]:
    """A few networks in each format, made once."""
    place = folder / "models"
    if not place.exists():
        partly = folder / "models.partial"
        shutil.rmtree(partly, ignore_errors=True)
        partly.mkdir()
        for keras, name in ((_keras(3, folder), "3"), (_keras(2, folder), "2")):
            layers = keras.layers
            x = keras.Input((8, 8, 3))
            y = layers.Conv2D(4, 3, activation="relu", kernel_regularizer="l2")(x)
            y = layers.BatchNormalization()(layers.DepthwiseConv2D(3, padding="same")(y))
            y = layers.Dense(3, activation="softmax")(layers.Flatten()(y))
            recurrent = keras.Sequential([keras.Input((5, 4)), layers.LSTM(3), layers.Dense(2)])
            for kind, model in (("conv", keras.Model(x, y)), ("lstm", recurrent)):
                for suffix in (".keras", ".h5"):
                    with without_warnings():
                        model.save(partly / f"{kind}{name}{suffix}")
        partly.rename(place)
    return sorted(place.iterdir())


def _keras(version: int, folder: Path) -> Any:
    tf = model_files.import_tensorflow(folder / "log")
    if version == 3:
        return tf.keras
    import tf_keras

    return tf_keras


def attack(models: list[Path], watch: Watch, folder: Path, seed: int, kept: Path) -> int:
    rng = random.Random(seed)
    model = rng.choice(models)
    path, secret = kept / f"model{model.suffix}", kept / "secret"
    shutil.copy(model, path)
    secret.mkdir()
    (secret / "words").write_text("1\n2\n")
    if model.suffix == ".keras":
        change_archive(path, rng, secret)
    else:
        change_hdf5(path, rng, secret)
    log = kept / "log"
    before = listing(kept)
    watch.allowed[1:] = [str(log)]
    watch.secret, watch.seen, watch.is_on = f"{secret}/", [], True
    try:
        model_files.load(path, log)
    finally:
        watch.is_on = False
        log.unlink(missing_ok=True)
        after = listing(kept)
        assert not watch.seen, watch.seen[:5]
        assert before == after, f"changed: {set(before.items()) ^ set(after.items())}"
        assert not (folder / "trap").exists(), "the trap was sprung"
    return 1


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Everything around the file, with sizes and modification times."""
    return {
        str(path): (path.lstat().st_size, path.lstat().st_mtime_ns) for path in folder.rglob("*") if path.name != "log"
    }


def change_archive(path: Path, rng: random.Random, secret: Path) -> None:
    """Another configuration, more entries, or other bytes."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    kind = rng.randrange(10)
    if kind < 7:
        config = json.loads(entries["config.json"])
        for _ in range(rng.choice((1, 1, 2, 3))):
            config = change_config(config, rng, secret)
        entries["config.json"] = json.dumps(config).encode()
    elif kind == 7:
        name = rng.choice(list(entries))
        entries[name] = blind(entries[name], rng)
    packing = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    with without_warnings(), zipfile.ZipFile(path, "w", packing) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
        if kind == 8:
            more_entries(archive, rng, secret)
    if kind == 9:
        path.write_bytes(blind(path.read_bytes(), rng))


def more_entries(archive: zipfile.ZipFile, rng: random.Random, secret: Path) -> None:
    """Paths out of the folder, links, repeated names, and bombs of size and of number."""
    kind = rng.randrange(6)
    if kind == 0:
        for name in ("../trap", "../../trap", f"{secret}/trap", "/tmp/kerf-soak-trap", "a/../../trap", "C:\\trap"):
            archive.writestr(name, "x")
    elif kind == 1:
        link = zipfile.ZipInfo(rng.choice(("model.weights.h5", "link", "config.json")))
        link.external_attr = 0o120777 << 16
        archive.writestr(link, f"{secret}/words")
    elif kind == 2:
        archive.writestr(rng.choice(("config.json", "model.weights.h5", "metadata.json")), rng.randbytes(100))
    elif kind == 3:
        bomb = zipfile.ZipInfo(rng.choice(("config.json", "metadata.json", "bomb", "assets/bomb")))
        archive.writestr(bomb, bytes(100 << 20), zipfile.ZIP_DEFLATED, 1)
    elif kind == 4:
        for i in range(20_000):
            archive.writestr(f"entry/{i}", "", zipfile.ZIP_STORED)
    else:
        archive.writestr("assets/words.txt", "x")


def change_hdf5(path: Path, rng: random.Random, secret: Path) -> None:
    """Another configuration, or links to other files."""
    import h5py

    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        kind = rng.randrange(10)
        if kind < 8:
            for _ in range(rng.choice((1, 1, 2, 3))):
                config = change_config(config, rng, secret)
            file.attrs["model_config"] = json.dumps(config)
        elif kind == 8:
            file[rng.choice(("evil", "model_weights/evil"))] = h5py.ExternalLink(str(secret / "words"), "x")
        else:
            name = rng.choice(list(file.attrs))
            del file.attrs[name]
            if rng.random() < 0.7:
                file.attrs[name] = rng.choice((0, "x", "[]", "{}", "null", b"\xff\xfe"))


def change_config(config: Any, rng: random.Random, secret: Path) -> Any:
    """Changes one place of a configuration: another class, function, module or value; or nests one part in another."""
    places = list(walk(config))
    if not places:
        return config
    owner, key = rng.choice(places)
    kind = rng.randrange(6)
    if kind < 3:
        named = rng.choice(("class_name", "module", "registered_name", "config", "function", "activation"))
        chosen = [(o, k) for o, k in places if k == named]
        owner, key = rng.choice(chosen) if chosen else (owner, key)
        owner[key] = rng.choice((*NAMES, *MODULES) if named != "config" else (*NAMES, *VALUES))
    elif kind == 3:
        owner[key] = {
            "class_name": rng.choice(NAMES),
            "module": rng.choice(MODULES),
            "config": rng.choice((*NAMES, {"name": "evil", "filename": str(secret / "trap"), "path": str(secret)}, {})),
            "registered_name": rng.choice((None, *NAMES, f"{TRAP}>evil")),
        }
    elif kind == 4:
        owner[key] = rng.choice((*VALUES, str(secret / "words")))
    elif isinstance(owner, dict):
        owner[rng.choice(("vocabulary", "file", "filepath", "initializer", "build_config", "compile_config"))] = (
            rng.choice((str(secret / "words"), *VALUES))
        )
    return config


def walk(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a JSON value, as its owner and its key."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(pairs):
        yield value, key
        yield from walk(inner)
