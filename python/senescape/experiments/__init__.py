"""Virtual experiments: what a laboratory would do with a tumour, done with a simulated one.

:func:`watch` looks at the cells of running tumours; the others are experiments made of it.
"""

from senescape.experiments.histology import PANEL, Stain, histology
from senescape.experiments.lineage import barcodes, reporter
from senescape.experiments.observe import watch
from senescape.experiments.rechallenge import rechallenge, sort_cells
from senescape.experiments.response import response, tumour_volume

__all__ = [
    "PANEL",
    "Stain",
    "barcodes",
    "histology",
    "rechallenge",
    "reporter",
    "response",
    "sort_cells",
    "tumour_volume",
    "watch",
]
