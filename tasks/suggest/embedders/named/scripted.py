"""Networks as torch wrote them down, TorchScript: `torch:FILE`; and by name `torch:NAME`, of torchvision.

TorchScript is a program. Before it is opened, what it says is read: operators that reach files or other machines, those
of libraries other than torch, and code that runs as it is opened are refused. What is left can compute, and no more.
"""

import re
import zipfile
from pathlib import Path

from blocks.errors import BadWeights
from blocks.storage.outside_files import open_regular
from tasks.intake.texts.media import Medium
from tasks.suggest.embedders.named.image_models import Torchvision
from tasks.suggest.embedders.named.protocol import MAX_BYTES, RAISED, FoundModel, TorchEmbedder

SOURCE_AT_MOST = 20_000_000
"""Bytes of what one says, unpacked: the largest networks take a hundredth."""

REFUSED = re.compile(
    r"__setstate__|__getstate__|\bops\.(?!prim\.|aten\.)\w+|\btorch\.(?:save|load|from_file|hub|jit|ops|classes)\b"
    r"|\b(?:rpc_sync|rpc_async|rpc_remote|from_file|save)\s*\("
)


class Torch:
    """Networks of torch: files of TorchScript, and torchvision's by name."""

    name = "torch"
    medium: Medium = "pictures"
    needs = ("torch",)

    def __init__(self) -> None:
        self._by_name = Torchvision()

    def find(self, given: str, scratch: Path) -> FoundModel:
        """Find a file of TorchScript, or a model by name."""
        if _is_name(given):
            return self._by_name.find(given, scratch)
        return FoundModel("script", Path(given), is_published=False)

    def open(self, model: str, file: Path, name: str) -> TorchEmbedder:
        """Open what was found."""
        if model != "script":
            return self._by_name.open(model, file, name)
        import torch

        check_script(file)
        try:
            return TorchEmbedder(name, torch.jit.load(str(file), map_location="cpu"))  # type: ignore[no-untyped-call]
        except RAISED as error:
            why = " ".join(str(error).split())[:200]
            raise BadWeights(f"{file.name} is TorchScript that cannot be opened ({why}): save it anew") from error

    def resolved(self, given: str) -> str:
        """Return it with its file's full path."""
        model, at, file = given.partition("@")
        if at:
            return f"{model}@{Path(file).resolve()}"
        return given if _is_name(given) else str(Path(given).resolve())


def check_script(file: Path) -> None:
    """Refuse a file that is no TorchScript, or says what no network needs; nothing of it is run.

    Raises:
        BadWeights: With what it says.
    """
    open_regular(file, BadWeights, MAX_BYTES).close()
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            sources = [one for one in entries if "/code/" in one.filename and one.filename.endswith(".py")]
            if not any(one.filename.endswith("/constants.pkl") for one in entries) or not sources:
                raise BadWeights(
                    f"{file.name} is no TorchScript (`torch.jit.save`): weights alone need the name of their "
                    "network, `torch:NAME@FILE` or `timm:NAME@FILE`"
                )
            if sum(one.file_size for one in sources) > SOURCE_AT_MOST:
                raise BadWeights(f"{file.name} says more than {SOURCE_AT_MOST:,} letters: no network needs so many")
            said = [archive.read(one).decode("utf-8") for one in sources]
    except (zipfile.BadZipFile, OSError, ValueError, EOFError) as error:
        raise BadWeights(f"{file.name} is no TorchScript that can be read ({error})") from error
    for one in said:
        if found := REFUSED.search(one):
            raise BadWeights(f"{file.name} says {found.group()!r}, which no network that makes vectors needs: refused")


def _is_name(given: str) -> bool:
    return "@" in given or ("/" not in given and not Path(given).suffix and not Path(given).exists())
