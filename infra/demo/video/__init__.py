"""`make demo-video`: a drawn video of traffic, labelled through the real Label Studio, from key frames to tracks."""
