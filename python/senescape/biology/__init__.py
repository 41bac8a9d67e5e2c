"""The built-in biology, as a plugin that uses the public hooks and nothing else.

What it holds: the cycle, DNA damage by doxorubicin, arrest and senescence, apoptosis and mitotic catastrophe, and the depth of
the arrest with escape from it. The modules `immunity`, `survival`, `diapause`, `phases` and `readouts` are plugins of their own.
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
