"""Results: what a run gives back, and the tables in it."""

from senescape.results.result import Orders, Result, check_arrays, doses_from_json, open_result, result_path

__all__ = ["Orders", "Result", "check_arrays", "doses_from_json", "open_result", "result_path"]
