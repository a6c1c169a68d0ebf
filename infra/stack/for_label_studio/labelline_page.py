"""What Label Studio's pages begin with: a class that somebody has chosen stays chosen while they draw box after box.

Label Studio has that as a setting of each browser ("Keep label selected after creating a region"), off until somebody
finds it, and neither a project nor a label config can turn it on. So a browser that has no settings yet gets this one;
one in which a person has set anything keeps what it has. Likewise what a back end suggests for clicks is taken at once
unless somebody has said otherwise, and where a project has a tool for such clicks it is in hand from the start, unless
somebody has taken another tool that such a project has. Elsewhere its name is that of no tool, and says nothing.
"""

from collections.abc import Callable
from typing import Any

SCRIPT = b"""<script>
try {
  const key = "labelStudio:settings";
  if (!localStorage.getItem(key)) localStorage.setItem(key, JSON.stringify({continuousLabeling: true}));
  for (const name of ["autoAcceptSuggestions", "autoAnnotation"])
    if (localStorage.getItem(name) === null) localStorage.setItem(name, "true");
  const tool = "selected-tool:image", taken = ["PolygonTool", "BrushTool", "EraserTool", "MoveTool", "ZoomPanTool"];
  if (!taken.includes(localStorage.getItem(tool))) localStorage.setItem(tool, "KeyPointTool-dynamic");
} catch (error) {}
</script>"""

HEAD = b"<head>"


def keep_class_selected(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a Django middleware that puts the script at the beginning of every page."""

    def answer(request: Any) -> Any:
        response = get_response(request)
        is_page = not response.streaming and response.get("Content-Type", "").startswith("text/html")
        if is_page and HEAD in response.content:
            response.content = response.content.replace(HEAD, HEAD + SCRIPT, 1)
            if response.has_header("Content-Length"):
                response["Content-Length"] = str(len(response.content))
        return response

    return answer
