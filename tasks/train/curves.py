"""Pictures of a training and of a comparison, for MLflow and the Prefect UI."""

import io
from collections.abc import Sequence

from tasks.train.watch import EpochReport

_PANELS = {
    "loss (train)": ("train_box_loss", "train_cls_loss", "train_dfl_loss"),
    "loss (val)": ("val_box_loss", "val_cls_loss", "val_dfl_loss"),
    "mAP on tiles (val)": ("val_map50", "val_map50_95"),
    "learning rate": ("lr",),
}


def curves_png(reports: Sequence[EpochReport]) -> bytes:
    """Draw losses, mAP and learning rate by epoch; without epochs the panels are empty."""
    from matplotlib.figure import Figure  # not pyplot: its global state is not for threads

    figure = Figure(figsize=(11, 2.8), layout="constrained")
    for axes, (title, names) in zip(figure.subplots(1, len(_PANELS)), _PANELS.items(), strict=True):
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
