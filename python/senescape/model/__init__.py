"""Models: fates, traits, drugs, pools, transitions and read-outs, and the document that the engine reads."""

from senescape.model.model import Model

__all__ = ["Model"]
