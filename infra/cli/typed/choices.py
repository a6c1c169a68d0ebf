"""What a person may choose on the command line, where there are few choices."""

import enum


class TruthFormatName(enum.StrEnum):
    """Formats of truth folders."""

    AUTO = "auto"
    COCO = "coco"
    YOLO = "yolo"
    VOC = "voc"
    CVAT = "cvat"
    LABEL_STUDIO = "label-studio"
    CSV = "csv"
    JSONL = "jsonl"
    FIFTYONE = "fiftyone"
    FOLDERS = "folders"
    MOT = "mot"
    DAVIS = "davis"
    LABELME = "labelme"
    KITTI = "kitti"
    OPENIMAGES = "openimages"
    CONLL = "conll"
    SPACY = "spacy"


class ExportFormatName(enum.StrEnum):
    """Formats of datasets that are written."""

    COCO = "coco"
    YOLO = "yolo"
    VOC = "voc"
    CVAT = "cvat"
    LABEL_STUDIO = "label-studio"
    CSV = "csv"
    JSONL = "jsonl"
    FIFTYONE = "fiftyone"
    FOLDERS = "folders"
    MOT = "mot"
    DAVIS = "davis"
    CONLL = "conll"
    SPACY = "spacy"


class ImagesName(enum.StrEnum):
    """What becomes of the pictures of a dataset."""

    COPY = "copy"
    LINK = "link"
    NONE = "none"


class DrawingName(enum.StrEnum):
    """How people draw boxes."""

    CORNERS = "corners"
    EXTREME_POINTS = "extreme_points"


class PurposeName(enum.StrEnum):
    """As what labels come in."""

    TRUTH = "truth"
    PROPOSALS = "proposals"
