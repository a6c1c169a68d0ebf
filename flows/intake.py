"""The intake line: images and videos of a folder, of a list of addresses, or texts, become items of a collection."""

from prefect import flow, unmapped

from blocks.naming.names import CollectionName, PictureFolder, SequencePattern
from blocks.naming.run_names import named
from tasks.intake.folders import IntakeReport
from tasks.intake.sources.protocol import AskedOfSource
from tasks.intake.sources.urls.options import UrlOptions
from tasks.intake.steps import (
    find_near_duplicates,
    find_shards,
    merge_reports,
    publish_intake,
    split_sequences,
    take_in_shard,
)
from tasks.intake.texts.columns import TextOptions
from tasks.intake.video.options import VideoOptions


@flow(flow_run_name=named("take in", of="collection"), log_prints=False)
def intake(
    folder: PictureFolder,
    collection: CollectionName,
    sequence_pattern: SequencePattern | None = None,
    plugs: str = "local",
    texts: TextOptions | None = None,
    videos: VideoOptions | None = None,
    urls: UrlOptions | None = None,
) -> IntakeReport:
    """Take a folder of images and videos, a list of addresses of images, or texts into a collection.

    Every file ends as taken, duplicate or set aside with its reason; running it again takes in only what is new. What
    is alike an item before it is shown, and stays. A folder without any is nothing to do.

    Args:
        folder: The folder on the worker's machine, searched with all its subfolders; one video; an archive of images;
            a list of addresses of images (CSV, JSON lines, or one in each line); or a file of texts, likewise.
        collection: The name under which the line will find these images.
        sequence_pattern: A regular expression (RE2's syntax) whose groups, or all that it finds where it has none, name
            the sequence in a file's path. Images of one sequence never part between training and test. Empty: the path
            without its last number.
        plugs: Leave it as it is: the name under which the connections of this stack are saved.
        texts: Where in a table the texts are. For a folder: that its .txt files are taken, and no images.
        videos: Which frames of videos become items; empty: one a second.
        urls: How a list of addresses is read, and with which manners servers are asked; empty: as it is usual, where
            the file is one.
    """
    asked = AskedOfSource(sequence_pattern=sequence_pattern, texts=texts, videos=videos, urls=urls)
    shards = find_shards(folder, plugs, asked)
    if not shards:
        return IntakeReport()
    reports = take_in_shard.map(shards, unmapped(collection), unmapped(plugs), unmapped(asked)).result()
    report = merge_reports(reports)
    split_sequences(collection, plugs)
    find_near_duplicates(collection, plugs)
    publish_intake(collection, report)
    return report
