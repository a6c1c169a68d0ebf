"""Pictures of a training and of a comparison, for MLflow and the Prefect UI."""

import io
from collections.abc import Sequence

from tasks.train.fitting.watch import EpochReport, quality_of


def curves_png(reports: Sequence[EpochReport]) -> bytes:
    """Draw losses, what val is found worth, and learning rate by epoch; without epochs the panels are empty."""
    from matplotlib.figure import Figure  # not pyplot: its global state is not for threads

    panels = _panels(reports)
    figure = Figure(figsize=(11, 2.8), layout="constrained")
    for axes, (title, names) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        for name in names:
            points = [(report.epoch, report.metrics[name]) for report in reports if name in report.metrics]
            if points:
                axes.plot(
                    *zip(*points, strict=True), marker=".", label=name.removeprefix("train_").removeprefix("val_")
                )
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("epoch")
        axes.grid(visible=True, alpha=0.3)
        if axes.has_data():
            axes.legend(fontsize=8)
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=100)
    return png.getvalue()


def _panels(reports: Sequence[EpochReport]) -> dict[str, Sequence[str]]:
    known = list(dict.fromkeys(name for report in reports for name in report.metrics))
    losses = [name for name in known if name.endswith("loss")]
    return {
        "loss (train)": [name for name in losses if name.startswith("train_")],
        "loss (val)": [name for name in losses if name.startswith("val_")],
        "quality (val)": list(quality_of(dict.fromkeys(known, 0.0))),
        "learning rate": ["lr"],
    }
