"""What all programs of this folder share: arguments, figures, and the table of what the book prints beside what came out here.

A figure is a PNG file in the output folder. The table goes to the screen and, for `make book`, into `<program>.json` beside them.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

_BEGAN = time.perf_counter()


def arguments(description: str, epochs: bool = True):
    """Return what the command line says: `epochs` and `rows` (None: as in the book) and the folder `output`."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if epochs:
        parser.add_argument("--epochs", type=int, help="train for so many epochs everywhere")
    parser.add_argument("--rows", type=int, help="use the first samples of each set only")
    parser.add_argument("--output", type=Path, default=Path("output/book"))
    return parser.parse_args()


class Report:
    """Collects figures and measurements of one program.

    Args:
        workflow: str. The program's title in the table.
        output: Path. Folder for figures and the table; it is made.
        shortened: bool. Whether fewer epochs or rows were asked for, which the table then says.
    """

    def __init__(self, workflow: str, output: Path, shortened: bool = False):
        self.workflow, self.output, self.shortened = workflow, Path(output), shortened
        self.rows: list[dict] = []
        self.notes: list[str] = []
        self.figures: list[str] = []
        self.output.mkdir(parents=True, exist_ok=True)

    def measure(self, what: str, book: str, ours: str) -> None:
        """Add a row: what was measured, the book's figure, ours."""
        self.rows.append({"what": what, "book": book, "ours": ours})

    def note(self, text: str) -> None:
        """Add a sentence below the table."""
        self.notes.append(text)

    def image(self, number: str, name: str, pixels) -> None:
        """Draw an array of grey values, large values dark."""
        with _Figure(self, number, name, size=(3, 3)) as panel:
            panel.imshow(pixels, cmap="binary")

    def curves(self, number: str, name: str, training, validation) -> None:
        """Draw one value for each epoch: dots for training, a line for validation."""
        epochs = range(1, len(training) + 1)
        with _Figure(self, number, name) as panel:
            panel.plot(epochs, training, "o", label="training")
            panel.plot(epochs, validation, label="validation")
            panel.set(xlabel="epoch", ylabel=name.split("_")[-1])
            panel.legend()

    def smoothed(self, number: str, name: str, values, skip: int) -> int:
        """Draw one value for each epoch, and its moving average without the first; return the average's lowest epoch."""
        average, averages = None, []
        for value in values[skip:]:
            average = value if average is None else 0.9 * average + 0.1 * value
            averages.append(average)
        with _Figure(self, number, name) as panel:
            panel.plot(range(1, len(values) + 1), values, color="0.8", label="mean of the folds")
            panel.plot(range(skip + 1, len(values) + 1), averages, label="moving average")
            top = max(values[skip:] or values) * 1.1
            panel.set(xlabel="epoch", ylabel="validation MAE", ylim=(min(values) * 0.9, top))
            panel.legend()
        return skip + 1 + averages.index(min(averages))

    def finish(self) -> None:
        """Print the table, the notes and the figures, and write them for `make book`."""
        seconds = time.perf_counter() - _BEGAN
        wide = max(len(row["what"]) for row in self.rows)
        middle = max(len("the book"), *(len(row["book"]) for row in self.rows))
        short = " (shortened: not comparable)" if self.shortened else ""
        print(f"\n{self.workflow}{short}\n{'':{wide}}  {'the book':{middle}}  here")
        for row in self.rows:
            print(f"{row['what']:{wide}}  {row['book']:{middle}}  {row['ours']}")
        for note in self.notes:
            print(f"Note: {note}")
        for figure in self.figures:
            print(f"Figure: {self.output / figure}")
        print(f"{seconds:.1f} s")
        data = {"workflow": self.workflow, "rows": self.rows, "notes": self.notes}
        data |= {"figures": self.figures, "seconds": seconds, "shortened": self.shortened}
        path = self.output / f"{Path(sys.argv[0]).stem}.json"
        path.write_text(json.dumps(data, indent=1), encoding="utf-8")


class _Figure:
    """A drawing that is written into its PNG file at the end of the `with` block."""

    def __init__(self, report: Report, number: str, name: str, size=(5, 3.5)):
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot

        self._pyplot, self._file = pyplot, f"figure_{number}_{name}.png"
        self._report, self._title = report, f"Figure {number}: {name.replace('_', ' ')}"
        self._figure, self._panel = pyplot.subplots(figsize=size)

    def __enter__(self):
        return self._panel

    def __exit__(self, kind, value, trace):
        if kind is None:
            self._panel.set_title(self._title)
            self._figure.tight_layout()
            self._figure.savefig(self._report.output / self._file)
            self._report.figures.append(self._file)
        self._pyplot.close(self._figure)


def percent(value) -> str:
    """Return a share as the table shows it."""
    return f"{100 * float(value):.1f} %"
