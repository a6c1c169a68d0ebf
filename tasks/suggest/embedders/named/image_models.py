"""Networks for pictures by the name of their architecture: timm's, and torchvision's.

Weights are a file with nothing but numbers: safetensors, or what `torch.save` wrote of a state, which is unpickled with
`weights_only`. `NAME` alone fetches what the library publishes, `NAME@FILE` takes a file that is here.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blocks.errors import BadOption, BadWeights
from blocks.storage.outside_files import open_regular
from tasks.intake.texts.media import Medium
from tasks.suggest.embedders.named.protocol import MAX_BYTES, RAISED, FoundModel, TorchEmbedder

if TYPE_CHECKING:
    import torch

MODEL = re.compile(r"[A-Za-z0-9_]{1,80}(\.[A-Za-z0-9_]{1,80})?")
"""Names of architectures; timm's may say after a dot what they were trained on."""

ENDINGS = (".safetensors", ".pth", ".pt", ".bin")


class Timm:
    """Models of timm."""

    name = "timm"
    medium: Medium = "pictures"
    needs = ("timm", "safetensors")

    def find(self, given: str, scratch: Path) -> FoundModel:  # noqa: ARG002  (the hub keeps its own folder)
        """Find a model by name, with its published weights or those of a file."""
        import timm

        model, file = _told_apart(given, self.name)
        if not timm.is_model(model):
            like = ", ".join(timm.list_models(f"*{model.partition('.')[0]}*")[:5]) or "see `timm.list_models()`"
            raise BadWeights(f"timm has no model {model!r} (alike: {like})")
        if file is not None:
            check_filled(model, file)
            return FoundModel(model, file, is_published=False)
        from huggingface_hub import hf_hub_download

        hub = timm.create_model(model, pretrained=False, num_classes=0).pretrained_cfg.get("hf_hub_id")
        if not hub:
            raise BadWeights(f"timm publishes no weights of {model!r}: give a file, `timm:{model}@FILE.safetensors`")
        try:
            return FoundModel(model, Path(hf_hub_download(hub, "model.safetensors")), is_published=True)
        except OSError as error:
            raise _not_fetched(self.name, model, error) from error

    def open(self, model: str, file: Path, name: str) -> TorchEmbedder:
        """Build the network without its last layer, fill in the weights, and see on what pictures it was trained."""
        return TorchEmbedder(name, timm_network(model, file, 0), *facts_of_timm(model))

    def resolved(self, given: str) -> str:
        """Return it with its file's full path."""
        return _resolved(given)


def timm_network(model: str, file: Path, classes: int) -> Any:
    """Return a network of timm's with the weights of a file.

    Args:
        model: Its name.
        file: Its weights, whatever its last layer told apart.
        classes: That a new last layer gives; 0: it has none, and gives vectors.

    Raises:
        BadWeights: The weights are those of another network, or no plain numbers.
    """
    import timm

    check_numbers(file)
    overlay = {"file": str(file), "custom_load": False}
    try:
        return timm.create_model(model, pretrained=True, num_classes=classes, pretrained_cfg_overlay=overlay)
    except (*RAISED, _pickle_error()) as error:
        raise _no_such_weights(file, f"timm's {model}", error) from error


def check_filled(model: str, file: Path) -> None:
    """Refuse weights that leave numbers of a network of timm's as they were drawn: timm says nothing of it.

    Raises:
        BadWeights: They do.
    """
    import torch

    states = []
    with torch.random.fork_rng(devices=[]):
        for seed in (1, 2):
            torch.manual_seed(seed)
            states.append(timm_network(model, file, 0).state_dict())
    drawn = [name for name, tensor in states[0].items() if not torch.equal(tensor, states[1][name])]
    if drawn:
        raise _no_such_weights(file, f"timm's {model}", KeyError(", ".join(drawn[:3])))


def facts_of_timm(model: str) -> tuple[int, tuple[float, float, float], tuple[float, float, float]]:
    """Return of a network of timm's the side of its pictures in pixels, and the mean and spread of their colours."""
    import timm

    facts = timm.data.resolve_data_config(pretrained_cfg=timm.get_pretrained_cfg(model).to_dict())
    return max(facts["input_size"][1:]), tuple(facts["mean"]), tuple(facts["std"])


class Torchvision:
    """Models of torchvision: the last layer is taken off, and what it was given is the vector."""

    def find(self, given: str, scratch: Path) -> FoundModel:
        """Find a model by name, with its published weights or those of a file."""
        import torch
        from torchvision import models

        model, file = _told_apart(given, "torch")
        if model not in models.list_models(module=models):
            raise BadWeights(
                f"torchvision has no model {model!r} for whole pictures (it has resnet18, convnext_tiny, vit_b_16, …), "
                "and no file of that name is here"
            )
        if file is not None:
            return FoundModel(model, file, is_published=False)
        url = models.get_model_weights(model).DEFAULT.url
        fetched = scratch / Path(url).name
        try:
            torch.hub.download_url_to_file(url, str(fetched), progress=False)
        except OSError as error:
            raise _not_fetched("torch", model, error) from error
        return FoundModel(model, fetched, is_published=True)

    def open(self, model: str, file: Path, name: str) -> TorchEmbedder:
        """Build the network, fill in the weights, and take its last layer off."""
        from torchvision import models

        try:
            network = models.get_model(model, weights=None)
            head = [key for key, layer in network.named_modules() if type(layer).__name__ == "Linear"][-1]
            given = {key: value for key, value in state_of(file).items() if not key.startswith(f"{head}.")}
            lacking, unknown = network.load_state_dict(given, strict=False)
            _without(network, head)
        except RAISED as error:
            raise _no_such_weights(file, f"torchvision's {model}", error) from error
        wrong = [*(key for key in lacking if not key.startswith(f"{head}.")), *unknown]
        if wrong:
            raise _no_such_weights(file, f"torchvision's {model}", KeyError(", ".join(wrong[:3])))
        return TorchEmbedder(name, network)


def state_of(file: Path) -> "Mapping[str, torch.Tensor]":
    """Return the tensors of a file by name, and run nothing that is in it.

    Raises:
        BadWeights: It is none of `ENDINGS`, or holds something else.
    """
    import torch

    check_numbers(file)
    try:
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(file))
        state: Any = torch.load(file, map_location="cpu", weights_only=True)
    except (*RAISED, _pickle_error()) as error:
        raise BadWeights(f"weights {file.name} are no plain tensors ({_first(error)})") from error
    state = state.get("state_dict", state) if isinstance(state, dict) else None
    if not isinstance(state, dict) or not all(isinstance(one, torch.Tensor) for one in state.values()):
        raise BadWeights(
            f"weights {file.name} are no table of tensors: save them by `torch.save(model.state_dict(), …)`"
        )
    return state


def check_numbers(file: Path) -> None:
    """Refuse what is no file of numbers alone, unread.

    Raises:
        BadWeights: It ends otherwise, is too large, or no file.
    """
    if file.suffix not in ENDINGS:
        raise BadWeights(f"weights {file.name} end in {file.suffix or 'nothing'}: expected {', '.join(ENDINGS)}")
    open_regular(file, BadWeights, MAX_BYTES).close()


def _pickle_error() -> type[Exception]:
    import pickle

    return pickle.UnpicklingError


def _told_apart(given: str, library: str) -> tuple[str, Path | None]:
    model, _, file = given.partition("@")
    if not MODEL.fullmatch(model):
        raise BadOption(f"`{library}:{given}` names no model: expected `{library}:NAME` or `{library}:NAME@FILE`")
    if file:
        check_numbers(Path(file))
    return model, Path(file) if file else None


def _resolved(given: str) -> str:
    model, at, file = given.partition("@")
    return f"{model}@{Path(file).resolve()}" if at else model


def _without(network: Any, head: str) -> None:
    import torch

    parent, _, last = head.rpartition(".")
    setattr(network.get_submodule(parent), last, torch.nn.Identity())


def _not_fetched(library: str, model: str, error: OSError) -> BadWeights:
    return BadWeights(
        f"weights of {library}:{model} could not be fetched ({_first(error)}): this machine may not reach them. Fetch "
        f"them elsewhere and give the file: `{library}:{model}@FILE`"
    )


def _no_such_weights(file: Path, what: str, error: BaseException) -> BadWeights:
    return BadWeights(f"weights {file.name} are none of {what} ({_first(error)}): give the file that belongs to it")


def _first(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
