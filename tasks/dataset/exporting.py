"""What a run that takes labels along is told, and what it says: small values that pass through Prefect."""

from collections.abc import Sequence

from pydantic import Field
from sqlalchemy import Engine

from blocks.frozen import Frozen
from blocks.storage.stores import Store
from tasks.dataset.formats.writing.place import place_of
from tasks.dataset.formats.writing.target import Images, TakenAlong
from tasks.dataset.take_along import Format, take_along
from tasks.kinds.registry import LabelKindName


class DatasetOptions(Frozen):
    """How labels are taken along."""

    format: Format = Field(default="coco", description="Of the dataset")
    images: Images = Field(
        default="copy", description="Copy the pictures, link to those in the object store (a folder), or none"
    )
    convert_to: LabelKindName | None = Field(
        default=None,
        description="As which kind of label they are written: `boxes`, `polygons` or `masks`; empty: as they are.",
    )
    overwrite: bool = Field(
        default=False, description="Replace an earlier export in the folder; what no export wrote is never deleted"
    )


class ExportReport(Frozen):
    """What an export came to."""

    folder: str
    snapshot: str
    pictures: dict[str, int] = Field(description="By split")
    labels: dict[str, int] = Field(description="By class")
    said: tuple[str, ...] = Field(default=(), description="What the format has no room for, and what was mended")
    notes: dict[str, int] = Field(default={}, description="What is not as one may expect, counted")
    left_out: dict[str, int] = Field(default={}, description="What has no settled label, by why")
    has_certificate: bool = False


def export_dataset(engine: Engine, store: Store, collection: str, folder: str, options: DatasetOptions) -> ExportReport:
    """Write the settled truth of a collection as a dataset; see `take_along` for what is raised."""
    said: list[str] = []
    place = place_of(folder)
    result = take_along(
        engine,
        store,
        collection,
        place,
        options.format,
        options.images,
        said.append,
        overwrite=options.overwrite,
        convert_to=options.convert_to,
    )
    return report_of(result, said)


def report_of(result: TakenAlong, said: Sequence[str]) -> ExportReport:
    """Return what an export came to as a value that travels.

    Args:
        result: Of it.
        said: What was said before it.
    """
    return ExportReport(
        folder=str(result.folder),
        snapshot=result.snapshot.id,
        pictures=dict(result.pictures),
        labels=dict(result.labels),
        said=tuple(said),
        notes=dict(result.notes),
        left_out=result.left_out,
        has_certificate=result.has_certificate,
    )
