"""A person with an account at a real browser: logs in, takes the next question, drags, deletes, submits."""

import re
from typing import Any

import httpx
from playwright.sync_api import Page

from blocks.servers.annotation_server import AnnotationServer
from tasks.review.questions.kinds.boxes.regions import ShownBox

WAIT_MS = 60_000
"""Label Studio's first page takes seconds on a busy machine."""

PICTURE, TEXT = ".konvajs-content canvas", ".shown-text .htx-richtext, .shown-text [class*=richtext]"
"""What a question shows, once it is there."""


def sign_up(server: AnnotationServer, email: str, password: str) -> None:
    """Make an account by the invite link, as a new colleague does: one made through the API cannot log in."""
    link = server.call("GET", "api/invite")["invite_url"]
    with httpx.Client(base_url=server.url, follow_redirects=True, timeout=60) as visitor:
        form = visitor.get(link)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form.text)
        assert token is not None
        entries = {"email": email, "password": password, "csrfmiddlewaretoken": token[1]}
        visitor.post(link, data=entries, headers={"Referer": server.url}).raise_for_status()
    assert email in {user["email"] for user in server.call("GET", "api/users/")}


def canvas_of(page: Page) -> dict[str, float]:
    """Return where the picture is on the page, once the page has stopped to move it: `x`, `y`, `width`, `height`."""
    place, before = page.locator(".konvajs-content").first, None
    for _ in range(WAIT_MS // 250):
        box = place.bounding_box()
        if box is not None and box == before:
            return dict(box)
        before = box
        page.wait_for_timeout(250)
    raise AssertionError("the picture never came to rest")


class LabelStream:
    """The stream of questions that "Label All Tasks" opens: always the next one, never a choice."""

    def __init__(self, page: Page, label_studio_url: str, project_id: int, shown: str = PICTURE) -> None:
        self._page = page
        self._shown = shown
        self.served: list[int] = []
        self.refused: list[str] = []
        """What the page asked for in vain: an annotator must lack nothing that they need."""
        page.on("response", self._note_served)
        page.goto(f"{label_studio_url}/projects/{project_id}/data")
        page.get_by_role("button", name="Label All Tasks").click(timeout=WAIT_MS)
        self._wait_for_question(1)
        page.get_by_role("button", name="Close modal").click()  # the instructions, shown before the first question

    def drag(self, box: ShownBox, size_wh: tuple[int, int], by_px: tuple[float, float]) -> None:
        """Select a box by a click and drag it.

        Args:
            box: Where it is, in pixels of the picture.
            size_wh: Of the picture.
            by_px: How far, in pixels of the picture.
        """
        x, y, scale = self._select(box, size_wh)
        mouse = self._page.mouse
        mouse.down()
        mouse.move(x + by_px[0] * scale / 2, y + by_px[1] * scale / 2, steps=4)
        mouse.move(x + by_px[0] * scale, y + by_px[1] * scale, steps=4)
        mouse.up()

    def delete(self, box: ShownBox, size_wh: tuple[int, int]) -> None:
        """Select a box by a click and delete it by its key."""
        self._select(box, size_wh)
        self._page.keyboard.press("Backspace")

    def _select(self, box: ShownBox, size_wh: tuple[int, int]) -> tuple[float, float, float]:
        """Click on a box; return where that was, and the scale from picture to page."""
        canvas = canvas_of(self._page)
        scale = min(canvas["width"] / size_wh[0], canvas["height"] / size_wh[1])  # the whole picture, at the top left
        x = canvas["x"] + (box.x_min + box.x_max) / 2 * scale
        y = canvas["y"] + (box.y_min + box.y_max) / 2 * scale
        self._page.mouse.click(x, y)
        self._page.wait_for_timeout(300)  # the handles appear
        return x, y, scale

    def picture(self, path: str) -> None:
        """Take a screenshot."""
        self._page.screenshot(path=path)

    def submit(self, is_last: bool = False) -> None:
        """Submit, and wait for the next question where there is one."""
        served = len(self.served)
        with self._page.expect_response(re.compile(r"/api/tasks/\d+/annotations"), timeout=WAIT_MS) as sent:
            self._page.get_by_role("button", name="Submit current annotation").click()
        assert sent.value.status == 201, sent.value.text()
        if not is_last:
            self._wait_for_question(served + 1)

    def _wait_for_question(self, number: int) -> None:
        for _ in range(WAIT_MS // 200):
            if len(self.served) >= number:
                break
            self._page.wait_for_timeout(200)
        assert len(self.served) >= number, f"question {number} did not come"
        self._page.wait_for_selector(self._shown, timeout=WAIT_MS)
        self._page.wait_for_load_state("networkidle")
        self._page.wait_for_timeout(1000)  # the boxes fade in

    def _note_served(self, response: Any) -> None:
        if response.status == 403:
            self.refused.append(f"{response.request.method} {response.url}")
        if "id=next_task" in response.url and response.ok:
            self.served.append(int(response.json()["id"]))
