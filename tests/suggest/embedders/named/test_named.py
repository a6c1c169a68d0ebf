"""Models that a person names: opened with distrust, kept under their hash, and the same ones ever after."""

import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from sqlalchemy import Engine

from blocks.errors import BadOption, BadWeights
from blocks.storage.stores import FolderStore, Store
from tasks.suggest.asked_for import AskedFor, asked_of
from tasks.suggest.embedders.named import registry
from tasks.suggest.embedders.named.protocol import TorchEmbedder, check_vectors
from tasks.suggest.embedders.named.registry import is_named, keep_named, open_named, resolved

timm = pytest.importorskip("timm", reason="the extra `embedders` is not installed")
PICTURES = [np.random.default_rng(seed).integers(0, 255, (60, 90, 3), dtype=np.uint8) for seed in range(3)]
TEXTS = ["the price rose", "rain in the north", ""]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return FolderStore(tmp_path / "objects")


@pytest.fixture
def resnet(tmp_path: Path) -> Path:
    """Random numbers for timm's smallest network, with the last layer of some training."""
    from safetensors.torch import save_file

    torch.manual_seed(0)
    file = tmp_path / "resnet.safetensors"
    save_file(timm.create_model("test_resnet", num_classes=7).state_dict(), str(file))
    return file


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A network that gives a vector of what it sees, as TorchScript."""
    return scripted(torch.nn.Sequential(torch.nn.Conv2d(3, 8, 5, stride=4), torch.nn.ReLU()), tmp_path / "net.ts")


@pytest.fixture
def sentences(tmp_path: Path) -> Path:
    """A static model of sentence-transformers that knows six words."""
    library = pytest.importorskip("sentence_transformers", reason="the extra `embedders` is not installed")
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({"[UNK]": 0, "the": 1, "price": 2, "rose": 3, "rain": 4, "north": 5}, "[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    numbers = np.random.default_rng(0).standard_normal((6, 12)).astype(np.float32)
    folder = tmp_path / "words"
    library.SentenceTransformer(modules=[StaticEmbedding(words, embedding_weights=numbers)]).save(str(folder))
    return folder


def scripted(network: torch.nn.Module, file: Path) -> Path:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # TorchScript is still written, and will be for long
        torch.jit.trace(network.eval(), torch.zeros(1, 3, 224, 224)).save(str(file))
    return file


def test_a_timm_model_makes_vectors_without_its_last_layer_and_is_kept_under_its_hash(
    engine: Engine, store: Store, resnet: Path
) -> None:
    version, key = keep_named(engine, store, f"timm:test_resnet@{resnet}", "pictures")
    assert key == f"named/timm/test_resnet/{version}.safetensors"
    resnet.unlink()  # whoever opens it later needs no path, and no network
    embedder = open_named(store, key)
    vectors = embedder.embed([embedder.fit(one) for one in PICTURES])
    assert embedder.name == f"timm-test_resnet-{version}"
    network = timm.create_model("test_resnet", num_classes=0)
    assert vectors.shape == (3, network.num_features)
    assert len({row.tobytes() for row in vectors}) == 3
    assert open_named(store, key) is embedder


def test_weights_of_torchvisions_networks_come_from_a_state_that_torch_saved(
    engine: Engine, store: Store, tmp_path: Path
) -> None:
    from torchvision import models

    torch.save(models.get_model("squeezenet1_1", weights=None).state_dict(), tmp_path / "no-linear.pth")
    torch.save(models.get_model("shufflenet_v2_x0_5", weights=None, num_classes=4).state_dict(), tmp_path / "net.pth")
    _, key = keep_named(engine, store, f"torch:shufflenet_v2_x0_5@{tmp_path / 'net.pth'}", "pictures")
    embedder = open_named(store, key)
    assert embedder.embed([embedder.fit(one) for one in PICTURES]).shape == (3, 1024)
    with pytest.raises(BadWeights, match=r"no-linear\.pth are none of torchvision's resnet18"):
        keep_named(engine, store, f"torch:resnet18@{tmp_path / 'no-linear.pth'}", "pictures")


@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning")
def test_torchscript_is_opened_and_features_of_places_become_their_mean(
    engine: Engine, store: Store, script: Path
) -> None:
    _, key = keep_named(engine, store, f"torch:{script}", "pictures")
    embedder = open_named(store, key)
    assert embedder.embed([embedder.fit(one) for one in PICTURES]).shape == (3, 8)


def test_a_folder_of_sentence_transformers_makes_vectors_of_texts(
    engine: Engine, store: Store, sentences: Path
) -> None:
    first = keep_named(engine, store, f"sentence-transformers:{sentences}", "texts")
    assert keep_named(engine, store, f"sentence-transformers:{sentences}", "texts") == first, "the same file again"
    embedder = open_named(store, first[1])
    vectors = embedder.embed([embedder.fit(one) for one in TEXTS])
    assert vectors.shape == (3, 12)
    assert np.isfinite(vectors).all()
    assert embedder.name == f"sentence-transformers-words-{first[0]}"


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("timm:no_such_net", "timm has no model 'no_such_net'"),
        ("timm:../../etc", "names no model"),
        ("torch:no_such_net", "torchvision has no model 'no_such_net'"),
        ("torch:/nowhere/net.ts", "cannot be read"),
        ("timm:test_resnet@/nowhere.safetensors", "cannot be read"),
        ("timm:test_resnet@/nowhere.npz", "end in .npz: expected .safetensors"),
    ],
)
def test_what_is_not_there_is_said_with_what_is_expected(
    engine: Engine, store: Store, weights: str, message: str
) -> None:
    with pytest.raises((BadWeights, BadOption), match=message):
        keep_named(engine, store, weights, "pictures")
    assert not list(store.keys("named/"))


class Harm:
    """What unpickling would run."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("harm"),)


@pytest.mark.parametrize("library", ["timm:test_resnet@", "torch:resnet18@"])
def test_a_pickle_is_refused_and_not_run(
    engine: Engine, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Harm()}, tmp_path / "bad.pth")
    (tmp_path / "old.bin").write_bytes(pickle.dumps(Harm(), protocol=2))
    for name in ("bad.pth", "old.bin"):
        with pytest.raises(BadWeights, match=name):
            keep_named(engine, store, f"{library}{tmp_path / name}", "pictures")
    assert not (tmp_path / "harm").exists()


def test_weights_of_another_network_are_refused(engine: Engine, store: Store, resnet: Path) -> None:
    with pytest.raises(BadWeights, match="are none of timm's test_vit"):
        keep_named(engine, store, f"timm:test_vit@{resnet}", "pictures")


@pytest.mark.parametrize(
    "line",
    [
        'torch.save(input, "/tmp/x")',
        'x = torch.from_file("/etc/passwd")',
        "x = ops.mine.call(input)",
        "def __setstate__(self, state: Tensor) -> NoneType:",
    ],
)
def test_torchscript_that_says_what_no_network_needs_is_refused_before_it_is_opened(
    engine: Engine, store: Store, script: Path, tmp_path: Path, line: str
) -> None:
    bad = tmp_path / "bad.ts"
    with zipfile.ZipFile(script) as good, zipfile.ZipFile(bad, "w") as harmed:
        for name in good.namelist():
            data = good.read(name)
            harmed.writestr(name, data + f"\n    {line}\n".encode() if name.endswith(".py") else data)
    with pytest.raises(BadWeights, match="which no network that makes vectors needs"):
        keep_named(engine, store, f"torch:{bad}", "pictures")


def test_weights_alone_are_no_torchscript_and_the_way_out_is_said(engine: Engine, store: Store, tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(2)}, tmp_path / "state.pth")
    with pytest.raises(BadWeights, match="torch:NAME@FILE"):
        keep_named(engine, store, f"torch:{tmp_path / 'state.pth'}", "pictures")


def test_sentence_transformers_without_safetensors_or_of_unknown_layers_is_refused(
    engine: Engine, store: Store, sentences: Path
) -> None:
    plan = json.loads((sentences / "modules.json").read_text())
    for kind in ("subprocess.Popen", "sentence_transformers.base.model.torch", "builtins.eval"):
        (sentences / "modules.json").write_text(json.dumps([plan[0] | {"type": kind}]))
        with pytest.raises(BadWeights, match="has a layer"):
            keep_named(engine, store, f"sentence-transformers:{sentences}", "texts")
    for file in sentences.rglob("*.safetensors"):
        file.rename(file.with_suffix(".bin"))
    with pytest.raises(BadWeights, match="has no safetensors"):
        keep_named(engine, store, f"sentence-transformers:{sentences}", "texts")


@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning")
def test_a_network_whose_numbers_are_none_is_refused_before_anything_is_kept(
    engine: Engine, store: Store, tmp_path: Path
) -> None:
    network = torch.nn.Conv2d(3, 8, 5, stride=4)
    torch.nn.init.constant_(network.weight, float("nan"))
    bad = scripted(network, tmp_path / "nan.ts")
    with pytest.raises(BadWeights, match="numbers that are none"):
        keep_named(engine, store, f"torch:{bad}", "pictures")
    assert not list(store.keys("named/"))


def test_vectors_of_another_shape_are_refused() -> None:
    with pytest.raises(BadWeights, match=r"shape \(2, 3, 4\) of 2 items"):
        check_vectors(np.zeros((2, 3, 4), np.float32), "net", 2)
    embedder = TorchEmbedder("net", torch.nn.Identity(), 8)
    vectors = embedder.embed([embedder.fit(PICTURES[0])])
    assert check_vectors(vectors, "net", 1).shape == (1, 3)


def test_what_was_overwritten_is_refused(engine: Engine, store: Store, resnet: Path) -> None:
    _, key = keep_named(engine, store, f"timm:test_resnet@{resnet}", "pictures")
    store.put(key, b"something else")
    registry._opened.cache_clear()
    with pytest.raises(BadWeights, match="overwritten"):
        open_named(store, key)


def test_a_library_that_is_not_installed_is_named_with_what_to_install(
    engine: Engine, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    with pytest.raises(BadOption, match=r"not installed \(timm, safetensors\): pip install 'labelline\[embedders\]'"):
        keep_named(engine, store, "timm:resnet18", "pictures")


def test_a_model_of_pictures_is_refused_for_texts(engine: Engine, store: Store) -> None:
    with pytest.raises(BadOption, match="makes vectors of pictures, and the items here are texts"):
        keep_named(engine, store, "timm:resnet18", "texts")


def test_what_a_name_brought_once_it_means_from_then_on(
    engine: Engine, store: Store, resnet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.suggest.embedders.named.image_models import Timm
    from tasks.suggest.embedders.named.protocol import FoundModel

    found = FoundModel("test_resnet", resnet, is_published=True)
    monkeypatch.setattr(Timm, "find", lambda self, given, scratch: found)  # what the hub would bring
    first = keep_named(engine, store, "timm:test_resnet", "pictures")
    monkeypatch.setattr(Timm, "find", None)  # whoever asks the hub again fails
    assert keep_named(engine, store, "timm:test_resnet", "pictures") == first


def test_names_are_told_from_files_and_learners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked_of("suggest:timm:resnet18") == AskedFor("ridge-lda", "timm:resnet18")
    assert asked_of("suggest:arow:torch:a/b.ts") == AskedFor("arow", "torch:a/b.ts")
    assert AskedFor("arow", "torch:a/b.ts").file is None
    assert not is_named("resnet18")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    assert resolved("timm:resnet18@w.pth") == f"timm:resnet18@{tmp_path / 'w.pth'}"
    assert resolved("torch:net.ts") == f"torch:{tmp_path / 'net.ts'}"
    assert resolved("torch:resnet18") == "torch:resnet18"
    assert resolved("sentence-transformers:model") == f"sentence-transformers:{tmp_path / 'model'}"
    assert resolved("sentence-transformers:all-MiniLM-L6-v2") == "sentence-transformers:all-MiniLM-L6-v2"
