"""Station `train`: fine-tune, evaluate, promote."""
