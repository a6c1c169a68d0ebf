"""What `/score` takes of anybody; each limit is stated on its page, and in the answer that refuses."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ScoreLimits:
    """The limits.

    Attributes:
        items: Pictures or texts of one request.
        item_bytes: Of one picture file, sent or fetched.
        item_pixels: Of one picture.
        text_chars: Of one text.
        texts_chars: Of all texts of one request, and of all that are scored together.
        body_bytes: Of one request, and of all that is fetched for one.
        fetch_s: To fetch one address.
        answer_s: From a request's last byte to its answer.
        open_s: To open a champion; then the process is given up.
        batch_s: To score one batch; then the process is given up, and the next batch has another.
        batch_items: That are scored together, of one or of several requests.
        waiting_items: Of all requests together that are not answered yet.
        held_bytes: Of all requests together.
    """

    items: int = 64
    item_bytes: int = 20_000_000
    item_pixels: int = 50_000_000
    text_chars: int = 100_000
    texts_chars: int = 1_000_000
    body_bytes: int = 64_000_000
    fetch_s: float = 10.0
    answer_s: float = 60.0
    open_s: float = 120.0
    batch_s: float = 60.0
    batch_items: int = 32
    waiting_items: int = 512
    held_bytes: int = 256_000_000
