"""Scenarios: one validated description of tumour, treatment, plugins, horizon and end points."""
