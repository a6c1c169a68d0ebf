"""Films of sequences: what people mended in them of labels that were settled before."""
