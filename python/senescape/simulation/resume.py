"""Go on with a run that was kept: pause and resume, and one tumour with several futures."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from senescape._support.atomic import path_of
from senescape._support.validate import positive, thread_count, whole_number
from senescape.errors import CheckpointError, ModelError
from senescape.model.drugs import Dose, Pulse
from senescape.results.result import Result
from senescape.simulation.checkpoint import Checkpoint, Kept, read_checkpoint
from senescape.simulation.engine import COUNTED, RECORDED, run_engine
from senescape.simulation.run_document import dose_document, doses_given, observation_times
from senescape.simulation.simulate import callbacks_of, model_of

if TYPE_CHECKING:
    from senescape.model.model import Model
    from senescape.scenarios.scenario import Scenario

__all__ = ["resume"]


def resume(
    path: str | PathLike[str],
    *,
    until: float | None = None,
    every: float | None = None,
    doses: Iterable[Dose | Pulse] | None = None,
    model: Model | Scenario | None = None,
    threads: int | None = None,
    progress: bool | Callable[[int], object] | None = None,
    call_limit: float = 10.0,
    checkpoint: str | PathLike[str] | None = None,
    checkpoint_every: float = 600.0,
    keep_cells: bool = False,
    max_memory: int | None = None,
) -> Result:
    """Go on with a run that was kept.

    A run that was stopped on its way is finished: the result is the same to the bit as if it had never stopped, on any number of
    threads. A run that was finished with ``keep_cells=True`` goes on past its horizon, to `until`, with other doses if they are
    given: from one file as many futures of the same tumours as are wanted, which share their luck as far as treatment lets them.

    Parameters
    ----------
    path : path-like
        The checkpoint.
    until : float, optional
        A later horizon (h), for a run that is finished.
    every : float, optional
        Hours between observations past the old horizon; by default a hundredth of what is added.
    doses : sequence of Dose or Pulse, optional
        What is given from the old horizon on, instead of what had been planned for then. Times count from the start of all.
    model : Model or Scenario, optional
        Needed where rules with ``traced=False`` or visits take part, whose code no file holds; the same that was run, by
        its document and by the hashes of the code that is called. Tumours with visits that were on their way begin again.
    threads, progress, call_limit
        As for :func:`simulate`.
    checkpoint : path-like, optional
        Where the run is kept from now on: by default, for a run that was stopped, where it was kept before.
    checkpoint_every, keep_cells
        As for :func:`simulate`.
    max_memory : int, optional
        As for :func:`simulate`; by default the limit that the run had, if it was given one.

    Returns
    -------
    Result
        Of all replicates from the start, those finished before among them.

    Raises
    ------
    CheckpointError
        If the file is not there, is damaged or of another version; if what is asked cannot be had from it; or if `checkpoint`
        cannot be written, or holds another run that is not finished.
    ModelError
        If doses or times are not valid, or `model` is not the one that was run.
    SimulationError, KeyboardInterrupt
        As for :func:`simulate`.

    Examples
    --------
    >>> import senescape as sn, tempfile
    >>> model = sn.Model(
    ...     fates=["cell"],
    ...     drugs=[sn.Drug("drug", half_life=12.0)],
    ...     transitions=[
    ...         sn.Division("cell", hazard=0.03),
    ...         sn.Death("cell", lambda cell, env, p: 0.2 * sn.hill(env.drug["drug"], 1.0), cause="drug"),
    ...     ],
    ... )
    >>> path = tempfile.mkdtemp() + "/tumours.checkpoint"
    >>> _ = sn.simulate(
    ...     model, initial={"cell": 100}, until=24.0, replicates=2, seed=1, checkpoint=path, keep_cells=True
    ... )
    >>> untreated = sn.resume(path, until=72.0)
    >>> treated = sn.resume(path, until=72.0, doses=[sn.Dose("drug", amount=5.0, at=24.0)])
    >>> bool((untreated.counts[:, :100] == treated.counts[:, :100]).all())
    True
    >>> bool((untreated.counts[:, -1] > treated.counts[:, -1]).all())
    True
    """
    path = path_of(path, "a checkpoint")
    positive(checkpoint_every, "checkpoint_every", "a time in seconds")
    kept = read_checkpoint(path)
    given = None if model is None else _the_same(kept, model_of(model, "resume(model=...)"), path)
    if given is None and kept.engine.calls:
        raise CheckpointError(
            f"{path}: rules with traced=False or visits take part, whose code no file holds; give resume(..., model=...), the "
            "model or scenario that was run"
        )
    extended = until is not None
    if until is not None:
        later, run = _beyond(kept, path, positive(until, "until", "a horizon in hours"), every, doses)
    elif doses is not None or every is not None:
        raise CheckpointError(
            f"{path}: other doses need a later horizon: run with keep_cells=True to the time at which treatments part, then "
            "resume with until=... and doses=..."
        )
    else:
        later, run = kept, dict(kept.run)
        if keep_cells and kept.finished and not run["keep"]:
            raise CheckpointError(
                f"{path}: {len(kept.finished)} replicates are finished, whose cells were not kept; leave keep_cells out, or run "
                "anew with keep_cells=True"
            )
    run |= {"done": later.finished, "keep": keep_cells or (run["keep"] and not extended)}
    if max_memory is not None:
        run["max_memory"] = whole_number(max_memory, "max_memory", 1, 2**63 - 1)
    if threads is not None:
        run["threads"] = thread_count(threads)
    outside = None
    if given is not None:
        outside = callbacks_of(given, run, call_limit, kept.orders)
    # States of finished replicates are those at the horizon: they are for later, not to go on from now.
    going = {number: state for number, state in later.states.items() if number not in set(later.finished)}
    where = checkpoint if checkpoint is not None or extended else path
    keeper = None
    if where is not None:
        keeper = Checkpoint(where, checkpoint_every, keep_cells).keeper(
            later.engine,
            run,
            later.made_by,
            orders=dict if outside is None else outside.orders,
            earlier=later.earlier,
            states=going if extended else later.states,
            instead_of=path,
        )
    elif keep_cells:
        raise ModelError("keep_cells=True keeps tumours in a checkpoint: give checkpoint=path too")
    return run_engine(
        later.engine,
        run,
        later.made_by,
        outside=outside,
        progress=progress,
        keeper=keeper,
        states=going,
        earlier=later.earlier,
        place_of=None if given is None else given.place_of,
    )


def _the_same(kept: Kept, model: Model, path: PathLike[str]) -> Model:
    """Return the model given, with the parameters of the run; it must be the one that was run."""
    if model.to_json() != kept.engine.text:
        values = dict(zip(model.parameters, kept.run["params"], strict=False))
        model = model.with_params(values) if len(values) == len(kept.run["params"]) else model
    if model.to_json() != kept.engine.text:
        raise ModelError(f"the model given is not the one that {path} was made with")
    # Code that is called is not in the document: its hash is in the provenance.
    hashes, before = model.rule_hashes(), kept.made_by.get("rules")
    called = [f"transition {rule.name!r}: hazard" for rule in model.slow_rules]
    called += [f"visit rule {each.name!r}" for each in model.visits]
    for owner in called:
        if not isinstance(before, Mapping) or before.get(owner) != hashes[owner]:
            raise ModelError(
                f"{owner}: its code, or a number that it closes over, is not what it was when {path} was made; go on with "
                "the code that was run, or run anew"
            )
    return model


def _beyond(
    kept: Kept, path: PathLike[str], until: float, every: float | None, doses: Iterable[Dose | Pulse] | None
) -> tuple[Kept, dict[str, Any]]:
    """Prepare to go on past the horizon: the run from there, and what is finished for good."""
    old = kept.run["until"]
    if not kept.complete:
        raise CheckpointError(f"{path}: the run is not finished yet; resume it first, without until")
    if not kept.run["keep"]:
        raise CheckpointError(f"{path} holds no tumours at the horizon; run with keep_cells=True")
    if until <= old * (1 + 1e-9):
        raise CheckpointError(f"{path}: until = {until:g} h is not after the old horizon, {old:g} h")
    planned = [dose for dose in kept.run["doses"] if dose["at"] < old or doses is None]
    given = [dose_document(kept.engine.drugs, dose) for dose in doses_given(doses)]
    for dose in given:
        if dose["at"] < old:
            raise CheckpointError(
                f"{path}: a dose of {kept.engine.drugs[dose['drug']].name!r} is at {dose['at']:g} h, which is past; the "
                f"tumours stand at {old:g} h"
            )
    added = [t + old for t in observation_times(until - old, every)[1:]]
    added[-1] = until
    observe = [*kept.run["observe"], *added]
    run = {**kept.run, "begin": old, "until": until, "observe": observe, "doses": [*planned, *given]}
    made_by = {**kept.made_by, "run": {**kept.made_by["run"], "until": until, "begin": old, "doses": run["doses"]}}
    # Tumours without a state ended before the horizon, for good.
    ended = np.array([number not in kept.states for number in kept.finished], dtype=bool)
    earlier = None if kept.earlier is None else _padded(kept.earlier, ended, len(added))
    return replace(kept, made_by=made_by, earlier=earlier), run


def _padded(earlier: Mapping[str, Any], rows: NDArray[np.bool_], times: int) -> dict[str, Any]:
    """Return what was recorded of some replicates, with rows for times at which they were no more."""
    out = {name: earlier[name][rows] for name in (*RECORDED, "replicate")}
    for name, nothing in {"counts": -1, "events": -1, "pools": math.nan, "observables": math.nan}.items():
        shape = (out[name].shape[0], times, out[name].shape[2])
        out[name] = np.concatenate([out[name], np.full(shape, nothing, dtype=out[name].dtype)], axis=1)
    drugs = earlier["drugs"]
    return {**out, "drugs": drugs[rows] if drugs.ndim == 3 else drugs, **dict.fromkeys(COUNTED, 0)}
