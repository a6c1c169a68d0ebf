"""The classes that hold of one item, as one piece of text: what learners, answers and files of what was learnt pass on.

An item with one class is that class's name, so where there is one an item nothing is different.
"""

from collections.abc import Iterable

BETWEEN = "\u2063"
"""Between classes: invisible, and in no name of a class."""


def joined(class_names: Iterable[str]) -> str:
    """Return classes as one text: the same whatever their order. Of none: an empty one."""
    return BETWEEN.join(sorted(set(class_names)))


def parted(classes: str) -> tuple[str, ...]:
    """Return the classes of such a text, in the order of the alphabet."""
    return tuple(classes.split(BETWEEN)) if classes else ()
