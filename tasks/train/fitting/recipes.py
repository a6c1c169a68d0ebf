"""How long and how fast a training learns, and how much it must have to learn from, where its options do not say.

Steps rather than epochs: an epoch of 20 pictures is 2 steps, and a network has learnt nothing after 16. How many are
needed depends on what a training begins with. Random numbers need many times more than weights that see already.
"""

import math
from dataclasses import dataclass

from tasks.train.options import TrainOptions


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a training does, where its options leave it open.

    Attributes:
        steps: So many batches at least.
        least_epochs: Passes over many pictures.
        most_epochs: Passes over few: what they can teach is learnt by then.
        lr0: First learning rate.
        least_train: Labels in the train split, below which training is refused.
        least_val: Labels in the val split from which on they choose the epoch. The best of many epochs by a few labels
            is the luckiest one, not the best.
    """

    steps: int
    least_epochs: int
    most_epochs: int
    lr0: float
    least_train: int
    least_val: int

    def epochs(self, options: TrainOptions, pictures: int) -> int:
        """Return how often so many training pictures are passed over."""
        if options.epochs is not None:
            return options.epochs
        per_pass = max(1, math.ceil(pictures / options.batch))
        if options.steps is not None:
            return max(1, round(options.steps / per_pass))
        return min(self.most_epochs, max(self.least_epochs, math.ceil(self.steps / per_pass)))

    def learning_rate(self, options: TrainOptions) -> float:
        """Return the first learning rate."""
        return self.lr0 if options.lr0 is None else options.lr0

    def train_labels(self, options: TrainOptions) -> int:
        """Return the fewest labels in the train split that are trained on."""
        return self.least_train if options.min_train_boxes is None else options.min_train_boxes

    def val_labels(self, options: TrainOptions) -> int:
        """Return the fewest labels in the val split that choose the epoch."""
        return self.least_val if options.min_val_boxes is None else options.min_val_boxes
