"""Station `triage`: sure, unsure, odd."""
