"""The claims of the source, each as a check that can fail.

The source is Jackson 2025, Cancer Heterog Plast 2(3):0013: what a cell that became senescent under treatment must get past to
regrow the tumour. A claim is run with fresh seeds; its checks say what is predicted and what came out, with an interval. Its
control runs the same with the claim's mechanism switched off, and must fail.
"""

from senescape.claims.framework import Check, Claim, Finding, Lab, claim, claims, run_claim

__all__ = ["Check", "Claim", "Finding", "Lab", "claim", "claims", "run_claim"]
