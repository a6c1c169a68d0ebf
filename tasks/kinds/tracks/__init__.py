"""Boxes with an identity over the frames of a sequence."""
