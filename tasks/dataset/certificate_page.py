"""The certificate as a page for people: its tables, and small pictures of what it speaks of."""

from collections.abc import Iterator
from itertools import islice

from blocks.errors import ImageTooLarge, ObjectMissing, UnreadableImage
from blocks.storage.stores import Store
from tasks.audit.certificate.certificate import Certificate, to_markdown
from tasks.dataset.manifest import Manifest, ManifestItem
from tasks.intake.images import read_item
from tasks.settle.pictures import ORIGIN_COLOURS, ORIGIN_WORDS, Coloured, draw_with_legend, jpeg_data_uri
from tasks.settle.truth import IMPORT
from tasks.triage.summary import escape_cell

COLOURS_IN_WORDS = "**Blue**: accepted unseen. **Purple**: from people. **Vermilion**: imported, and not checked here."

PICTURES = 4
WIDTH_PX = 420
MOST_BYTES = 40_000
"""Of one picture: an artifact travels whole into the browser."""

LOOK_AT_MOST = 500
"""Items that are looked through for pictures with labels."""


def certificate_page(certificate: Certificate, store: Store, manifest: Manifest) -> str:
    """Return a certificate as Markdown, with some pictures of the snapshot: ids are hashes, so the first are random."""
    parts = [to_markdown(certificate), "## Some of its items", COLOURS_IN_WORDS]
    shown = [_picture(store, item) for item in islice(_labelled(manifest), PICTURES)]
    return "\n\n".join([*parts, *(shown or ["No item has a label."])])


def _labelled(manifest: Manifest) -> Iterator[ManifestItem]:
    return (item for item in islice(manifest.items(), LOOK_AT_MOST) if item.labels)


def _picture(store: Store, item: ManifestItem) -> str:
    name = escape_cell(item.name)
    try:
        image = read_item(store, item.key)
    except (UnreadableImage, ImageTooLarge, ObjectMissing) as error:
        return f"{name}: no picture ({escape_cell(str(error))})"
    groups = [
        Coloured(
            colour,
            [label.bounds_px for label in item.labels if label.origin == origin],
            words=ORIGIN_WORDS[origin],
            names=[label.class_name for label in item.labels if label.origin == origin],
        )
        for origin, colour in ORIGIN_COLOURS.items()
        if origin != IMPORT or any(label.origin == IMPORT for label in item.labels)
    ]
    drawn = jpeg_data_uri(draw_with_legend(image, groups, WIDTH_PX), MOST_BYTES)
    return f"{name}, split {escape_cell(item.split)}:\n\n![labels]({drawn})"
