"""Certified thresholds over time: samples drawn, judged, proved, watched and withdrawn."""
