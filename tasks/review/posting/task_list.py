"""What Label Studio's list of a project's tasks shows: file names and what people did, and none of our own numbers."""

from typing import Any

from blocks.servers.annotation_server import AnnotationServer

HIDDEN = (
    # Ours, which say nothing to people.
    *("data.question_id", "data.choices", "data.crops", "data.stills", "total_predictions"),
    # Label Studio hides these by itself, as long as nobody names what else to hide.
    *("inner_id", "annotations_results", "annotations_ids", "predictions_score", "predictions_model_versions"),
    *("predictions_results", "file_upload", "storage_filename", "created_at", "updated_at", "updated_by"),
    *("avg_lead_time", "draft_exists"),
)
"""Columns that are not shown beside the list; each person may show them."""

NARROW = ("data.why", "data.question", "id", "completed_at", "cancelled_annotations", "annotators")
"""Not shown either where a question is open beside the list, which leaves room for the file's name."""


def arrange_list(server: AnnotationServer, project_id: int) -> None:
    """Give a new project its first tab; one that has a tab keeps what people made of it.

    Raises:
        LabelStudioRefused: The token is wrong.
        LabelStudioUnavailable: Label Studio does not answer.
    """
    if server.call("GET", "api/dm/views/", params={"project": project_id}):
        return
    hidden = [f"tasks:{name}" for name in HIDDEN]
    tab: dict[str, Any] = {
        "title": "Questions",
        "type": "list",
        "target": "tasks",
        "hiddenColumns": {"explore": hidden, "labeling": [*hidden, *(f"tasks:{name}" for name in NARROW)]},
        "columnsWidth": {"tasks:data.file": 260, "tasks:data.why": 320},
        "columnsDisplayType": {},
        "gridWidth": 4,
        "filters": {"conjunction": "and", "items": []},
    }
    server.call("POST", "api/dm/views/", body={"project": project_id, "data": tab})
