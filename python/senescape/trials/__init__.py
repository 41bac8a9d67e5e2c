"""Trials: arms that share their random numbers, virtual cohorts, survival."""

from senescape.trials.run_trial import Trial, trial

__all__ = ["Trial", "trial"]
