"""`make demo-text`: texts with one class each, written by a grammar, from no model to a champion."""
