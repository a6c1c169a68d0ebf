"""The reasons about boxes of tracks; `reasons.py`, which had no room for them, knows them again."""


def jumps(sides: float, class_name: str) -> str:
    """Say how many of its sides a box is away from where its track is before and after."""
    return f"jumps by {sides:.1f} of its sides: this {class_name}"


def may_have_swapped(class_name: str) -> str:
    """Say that from this frame on a track may be another's."""
    return f"may have swapped places with another {class_name} here: whose is it?"


def against_flow(class_name: str) -> str:
    """Say that what is in a box moves otherwise than the box."""
    return f"does not move as the picture does here: is this {class_name} hidden, or elsewhere?"
