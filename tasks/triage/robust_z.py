"""Robust statistics: where the middle of some numbers is and how wide they spread, whatever a few of them do."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MAD_TO_SIGMA = 1.482602218505602
"""A normal distribution's standard deviation over its median absolute deviation."""

MEAN_AD_TO_SIGMA = 1.2533141373155
"""A normal distribution's standard deviation over its mean absolute deviation."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle of some numbers and their robust standard deviation (never 0)."""

    middle: float
    sigma: float

    def z(self, values: Floats) -> Floats:
        """Return how many robust standard deviations each value is from the middle.

        Args:
            values: Shape (n,). n may be 0.

        Returns:
            Shape (n,), signed. A value that is no number is infinitely far.
        """
        z = (values - self.middle) / self.sigma
        return np.where(np.isnan(z), np.inf, z)


def spread_of(values: Floats, sigma_floor: float) -> Spread | None:
    """Measure middle and spread by median and median absolute deviation.

    Where more than half of the values are equal, the median deviation is 0 and the mean deviation stands in.

    Args:
        values: Shape (n,). Values that are not finite are left out.
        sigma_floor: Spread below which differences do not matter, above 0.

    Returns:
        The spread, or None where no finite value is left.

    Source:
        Iglewicz and Hoaglin, "How to Detect and Handle Outliers", 1993, the modified z-score and its case of MAD 0.
    """
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return None
    middle = float(np.median(finite))
    deviations = np.abs(finite - middle)
    sigma = MAD_TO_SIGMA * float(np.median(deviations))
    if sigma == 0:
        sigma = MEAN_AD_TO_SIGMA * float(np.mean(deviations))
    return Spread(middle, max(sigma, sigma_floor))
