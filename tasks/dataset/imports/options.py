"""What an import is asked for. Each field's description is the text of the Prefect run form."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from blocks.frozen import Frozen
from blocks.naming.names import ClassName, ClassNames, CollectionName, SequencePattern, check_folder
from tasks.intake.texts.columns import TextOptions
from tasks.kinds.registry import LabelKindName

Purpose = Literal["truth", "proposals"]

TRUTH: Purpose = "truth"
PROPOSALS: Purpose = "proposals"


class ImportOptions(Frozen):
    """Which labels come in, for which collection, and as what."""

    path: Annotated[str, AfterValidator(check_folder)] = Field(
        description="A folder of labels on the worker's machine, with or without pictures, a label file, or an "
        "archive; texts stand in the label files themselves."
    )
    collection: CollectionName = Field(description="Whose labels they become: an old collection, or a new one.")
    purpose: Purpose = Field(
        default=TRUTH,
        description="`truth` settles pictures as they are; `proposals` are asked about like a detector's.",
    )
    format: str = Field(default="auto", description="Of the labels; `auto` finds it out. Folders per class: `folders`.")
    classes: ClassNames | None = Field(
        default=None, max_length=200, description="Only labels of these classes, by their names here; empty: of all."
    )
    rename: dict[str, ClassName] = Field(
        default={},
        max_length=1000,
        description="Classes that are called otherwise here: their name in the labels, and the collection's. Two may "
        "become one.",
    )
    label_kind: LabelKindName | None = Field(
        default=None,
        description="`polygons` or `masks`: outlines come in as such into a new collection; empty: as the collection "
        "has them, and into a new one as the boxes around them.",
    )
    name: str | None = Field(
        default=None,
        max_length=100,
        description="What the import is called; empty: the last part of its path. Proposals are used under it.",
    )
    sequence_pattern: SequencePattern | None = Field(
        default=None, description="As at intake: what in a picture's path names its sequence."
    )

    texts: TextOptions = Field(
        default=TextOptions(),
        description="Of texts in tables: which columns have them and their classes. Empty: found out by their names.",
    )

    @property
    def called(self) -> str:
        """What people call the import."""
        return self.name or self.path.rstrip("/").rpartition("/")[2]
