"""The built-in biology, as a plugin that uses the public hooks and nothing else.

What it holds so far: the cycle, DNA damage, arrest and senescence, apoptosis and mitotic catastrophe, and the depth of the
arrest with escape from it. Cells in vitro, doxorubicin.
"""

from senescape.biology.hooks import (
    senescape_drugs,
    senescape_escapes,
    senescape_fates,
    senescape_marks,
    senescape_observables,
    senescape_presets,
    senescape_signals,
    senescape_traits,
    senescape_transitions,
)

__all__ = [
    "senescape_drugs",
    "senescape_escapes",
    "senescape_fates",
    "senescape_marks",
    "senescape_observables",
    "senescape_presets",
    "senescape_signals",
    "senescape_traits",
    "senescape_transitions",
]
