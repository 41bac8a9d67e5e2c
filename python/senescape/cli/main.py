"""The command line: ``senescape run``, ``presets``, ``validate``, ``resume``, ``plugins``, ``new-plugin`` and ``claims``.

Exit codes: 0 fine, 1 a run failed or its output could not be printed, 2 the input is not valid, 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from senescape.errors import (
    CheckpointError,
    ModelError,
    PluginError,
    ResultError,
    ScenarioError,
    SenescapeError,
    SimulationError,
)
from senescape.plugins.scaffold import KINDS, new_plugin

if TYPE_CHECKING:
    from senescape.results.result import Result
    from senescape.scenarios.scenario import Scenario

__all__ = ["main"]


class _NotPrintedError(Exception):
    """What was to be printed could not be; the text says why."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name that the terminal has no letters for is no reason to lose a run.
            stream.reconfigure(errors="backslashreplace")
    arguments = argparse.Namespace()
    try:
        try:
            _parser().parse_args(argv, arguments)
            if getattr(arguments, "out", None) is not None:
                _try_out(arguments)
            code = int(arguments.call(arguments))
        except SystemExit:
            # After a help or a version.
            _flush()
            raise
        _flush()
        return code
    except _NotPrintedError as error:
        _drop_output(sys.stdout)
        if isinstance(error.__cause__, BrokenPipeError) and not getattr(arguments, "computes", False):
            # Whoever reads a list or a help, such as `head`, has seen enough; what was computed is lost.
            return 0
        kept = ""
        if hasattr(arguments, "out"):
            saved = getattr(arguments, "saved", False)
            kept = f"; the result is kept in {arguments.out}" if saved else "; --out FILE keeps the result"
        _report(f"the output cannot be printed: {error}{kept}")
        return 1
    except (ScenarioError, ModelError, PluginError, CheckpointError, ResultError) as error:
        _report(error)
        return 2
    except SimulationError as error:
        _report(error)
        _keep_partial(error.partial, arguments)
        return 1
    except SenescapeError as error:
        _report(error)
        return 1
    except KeyboardInterrupt as error:
        _report("interrupted")
        _keep_partial(getattr(error, "partial", None), arguments)
        return 130


def _print(*texts: object, end: str = "\n", flush: bool = False) -> None:
    """Print to standard output.

    Raises
    ------
    _NotPrintedError
        If it cannot be written to: the disk is full, or the program that read it has ended.
    """
    text = " ".join(map(str, texts))
    try:
        print(text, end=end, flush=flush)
    except (OSError, ValueError) as error:
        raise _NotPrintedError(getattr(error, "strerror", None) or error) from error


def _flush() -> None:
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError) as error:
        raise _NotPrintedError(getattr(error, "strerror", None) or error) from error


def _drop_output(stream: Any) -> None:
    """Let what is left in the buffer of a stream go nowhere: Python would try it again at exit."""
    # A stream that is no file, in a program that calls main, has nothing to let go.
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, stream.fileno())
        finally:
            os.close(nowhere)


def _report(text: object) -> None:
    """Print a message to standard error."""
    _say(f"senescape: {text}\n")


def _say(text: str) -> None:
    """Write to standard error. No run ends because nothing can be written there."""
    if sys.stderr is None:
        return
    try:
        print(text, end="", file=sys.stderr, flush=True)
    except (OSError, ValueError):
        _drop_output(sys.stderr)


class _Parser(argparse.ArgumentParser):
    def _print_message(self, message: str, file: Any = None) -> None:
        # The parser of argparse ends as if all were well where a help or a version cannot be printed.
        if file is not None and file is sys.stdout:
            _print(message, end="")
        else:
            _say(message)


def _parser() -> argparse.ArgumentParser:
    from senescape import __version__

    parser = _Parser(prog="senescape", description="How a treated tumour relapses, cell by cell.")
    parser.add_argument("--version", action="version", version=f"senescape {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="simulate a scenario")
    run.add_argument("scenario", help="a preset's name or a TOML file")
    run.add_argument("--replicates", type=int, default=10, help="how many (default: 10)")
    run.add_argument("--seed", type=int, help="the seed (default: a fresh one, which is printed)")
    run.add_argument("--threads", type=int, help="threads (default: one a processor)")
    run.add_argument("--out", metavar="FILE", help="save the result (.npz)")
    run.add_argument(
        "--set", metavar="NAME=VALUE", action="append", default=[], help="change a parameter; may be repeated"
    )
    run.add_argument("--json", action="store_true", help="print JSON instead of tables")
    run.add_argument("--checkpoint", metavar="FILE", help="keep the run on its way, for `senescape resume FILE`")
    run.set_defaults(call=_run, computes=True)

    validate = commands.add_parser("validate", help="check a scenario without running it")
    validate.add_argument("scenario", help="a preset's name or a TOML file")
    validate.set_defaults(call=_validate)

    resume = commands.add_parser("resume", help="go on with a run that was kept")
    resume.add_argument("checkpoint", metavar="FILE", help="the checkpoint")
    resume.add_argument(
        "--until", type=float, metavar="HOURS", help="a later horizon, for a run kept with --keep-cells"
    )
    resume.add_argument("--threads", type=int, help="threads (default: one a processor)")
    resume.add_argument("--out", metavar="FILE", help="save the result (.npz)")
    resume.add_argument("--json", action="store_true", help="print JSON instead of tables")
    resume.set_defaults(call=_resume, computes=True)
    for each in (run, resume):
        seconds = each.add_argument("--checkpoint-every", type=float, default=600.0, metavar="SECONDS")
        seconds.help = "seconds between two writings of the checkpoint (default: 600)"
    run.add_argument("--keep-cells", action="store_true", help="keep tumours at the horizon too, to go on past it")

    presets = commands.add_parser("presets", help="list the shipped scenarios")
    presets.add_argument("--json", action="store_true", help="print JSON")
    presets.set_defaults(call=_presets)

    plugins = commands.add_parser("plugins", help="list plugins, or show one")
    actions = plugins.add_subparsers(required=True, metavar="list|show")
    listed = actions.add_parser("list", help="list the plugins that scenarios can use")
    listed.set_defaults(call=_list_plugins)
    show = actions.add_parser("show", help="hooks, rules, formulas as traced, parameters with units and sources")
    show.add_argument("name", help="a plugin's name or module path")
    show.set_defaults(call=_show_plugin)
    for each in (listed, show):
        each.add_argument("--json", action="store_true", help="print JSON")

    new = commands.add_parser("new-plugin", help="write a package that installs and passes its own tests")
    new.add_argument("name", help="its name, such as my-senolytic")
    new.add_argument("--kind", choices=KINDS, default=KINDS[0], help=f"what its rule is (default: {KINDS[0]})")
    new.set_defaults(call=_new_plugin)

    claims = commands.add_parser("claims", help="run the claims of the source, each with its control")
    claims.add_argument("number", nargs="*", type=int, help="which (default: all)")
    claims.add_argument("--seed", type=int, help="of all their seeds (default: fresh)")
    claims.add_argument("--effort", type=float, default=1.0, help="factor on replicates (default: 1)")
    claims.add_argument("--threads", type=int, help="threads (default: one a processor)")
    claims.add_argument("--gallery", metavar="DIR", help="write a page with figures here")
    claims.add_argument("--json", action="store_true", help="print JSON")
    claims.set_defaults(call=_claims, computes=True)
    return parser


def _try_out(arguments: argparse.Namespace) -> None:
    """Try the place of a result before the run, not after it."""
    from senescape._support.atomic import try_to_write
    from senescape.results.result import result_path

    path = result_path(arguments.out)
    try:
        try_to_write(path)
    except OSError as error:
        raise ResultError(f"the result cannot be written to {path}: {error.strerror or error}") from error
    kept = getattr(arguments, "checkpoint", None)
    if kept is not None and os.path.realpath(kept) == os.path.realpath(path):
        raise ResultError(f"--out and the checkpoint are one file, {path}; give the result another")
    if str(path) != arguments.out:
        _report(f"the result goes to {path}")
    arguments.out = path


def _scenario(arguments: argparse.Namespace) -> Scenario:
    from senescape.scenarios.scenario import load

    values: dict[str, float] = {}
    for text in getattr(arguments, "set", []):
        name, _, value = text.partition("=")
        try:
            values[name] = float(value)
        except ValueError:
            raise ScenarioError(f"--set {text}: write NAME=NUMBER, for example --set escape.h0=0.01") from None
    return load(arguments.scenario).with_params(values)


def _run(arguments: argparse.Namespace) -> int:
    from senescape.simulation.simulate import simulate

    scenario = _scenario(arguments)
    result = simulate(
        scenario,
        replicates=arguments.replicates,
        seed=arguments.seed,
        threads=arguments.threads,
        checkpoint=arguments.checkpoint,
        checkpoint_every=arguments.checkpoint_every,
        keep_cells=arguments.keep_cells,
    )
    return _show(result, scenario.name, arguments)


def _resume(arguments: argparse.Namespace) -> int:
    from senescape.simulation.resume import resume

    result = resume(
        arguments.checkpoint,
        until=arguments.until,
        threads=arguments.threads,
        checkpoint_every=arguments.checkpoint_every,
    )
    return _show(result, result.provenance.get("scenario", {}).get("name", "unnamed"), arguments)


def _show(result: Result, name: str, arguments: argparse.Namespace) -> int:
    """Save and print a result: a result that cannot be saved is printed all the same."""
    failed = None
    if arguments.out:
        try:
            result.save(arguments.out)
            arguments.saved = True
        except ResultError as error:
            failed = error
    if arguments.json:
        _print(json.dumps(_summary(name, result), indent=2))
    else:
        _print(f"{name}: {len(result.replicate)} replicates, seed {result.provenance['run']['seed']}\n")
        _print(result.ledger, end="\n\n")
        _print(result.outcomes)
    if failed is not None:
        raise failed
    return 0


def _presets(arguments: argparse.Namespace) -> int:
    from senescape.scenarios.scenario import presets

    shipped = presets()
    if arguments.json:
        _print(json.dumps(shipped, indent=2))
    else:
        for name, description in shipped.items():
            _print(f"{name:28} {description}")
    return 0


def _validate(arguments: argparse.Namespace) -> int:
    from senescape.simulation.simulate import check

    scenario = _scenario(arguments)
    notes = check(scenario)
    model = scenario.model
    _print(
        f"{scenario.name} is valid: {len(model.fates)} fates, {len(model.traits)} traits, "
        f"{len(model.transitions)} transitions, {len(model.parameters)} parameters"
    )
    for note in notes:
        _print(f"note: {note}")
    return 0


def _list_plugins(arguments: argparse.Namespace) -> int:
    from senescape.plugins.registry import known_plugins, plugin_version

    versions = {name: plugin_version(name) for name in known_plugins()}
    if arguments.json:
        _print(json.dumps(versions, indent=2))
    else:
        for name, version in versions.items():
            _print(f"{name:28} {version}")
    return 0


def _show_plugin(arguments: argparse.Namespace) -> int:
    from senescape.plugins.describe import describe_plugin

    described = describe_plugin(arguments.name)
    _print(json.dumps(described.to_json(), indent=2) if arguments.json else described)
    return 0


def _claims(arguments: argparse.Namespace) -> int:
    from pathlib import Path

    from senescape.claims import Lab, claims, run_claim
    from senescape.claims.report import gallery, summary, text, to_json

    known = claims()
    if missing := [number for number in arguments.number if number not in known]:
        raise ModelError(f"there is no claim {missing[0]}; there are {', '.join(map(str, known))}")
    if not 0 < arguments.effort < math.inf:
        raise ModelError(f"--effort {arguments.effort:g}: write a positive number; 1 gives each check its power")
    if arguments.gallery:
        try:
            # Now, not after an hour.
            Path(arguments.gallery).mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:
            raise ResultError(f"no page can be written to {arguments.gallery}: {error}") from error
    outcomes = []
    unprinted = None
    for number in arguments.number or known:
        # A lab of its own each: a claim's seeds do not depend on which others are run.
        lab = Lab(arguments.seed, arguments.effort, arguments.threads)
        outcomes.append(run_claim(number, lab))
        try:
            if not arguments.json and unprinted is None:
                _print(text(outcomes[-1]), flush=True)
        except _NotPrintedError as error:
            if not arguments.gallery:
                raise
            # An hour's page is not lost with its print-out.
            unprinted = error
    if arguments.gallery:
        try:
            gallery(outcomes, Path(arguments.gallery))
        except OSError as error:
            raise ResultError(f"no page can be written to {arguments.gallery}: {error}") from error
    if unprinted is not None:
        raise unprinted
    if arguments.json:
        _print(json.dumps([to_json(outcome) for outcome in outcomes], indent=2))
    else:
        _print(f"\n{summary(outcomes)}")
    return 0 if all(outcome.passed and outcome.control_failed for outcome in outcomes) else 1


def _new_plugin(arguments: argparse.Namespace) -> int:
    target = new_plugin(arguments.name, arguments.kind)
    _print(f"{target} is written. Next: pip install -e ./{target} && pytest {target}")
    return 0


def _summary(name: str, result: Result) -> dict[str, Any]:
    ledger = result.ledger
    barriers = {
        row.barrier: {
            "met": row.met,
            "removed": row.removed,
            "elsewhere": row.elsewhere,
            "through": row.through,
            "held": row.held,
        }
        for row in ledger.rows
    }
    # NaN is not JSON: a time that never came is null.
    outcomes = {
        key: [None if isinstance(x, float) and x != x else x for x in column.tolist()]
        for key, column in result.outcomes.items()
    }
    return {
        "scenario": name,
        "seed": result.provenance["run"]["seed"],
        "ledger": {
            "barriers": barriers,
            "started": ledger.started,
            "born": ledger.born,
            "died": ledger.died,
            "alive": ledger.alive,
            "deaths": ledger.deaths,
        },
        "outcomes": outcomes,
    }


def _keep_partial(partial: Result | None, arguments: argparse.Namespace) -> None:
    out = getattr(arguments, "out", None)
    if partial is None or not len(partial.replicate):
        return
    if out:
        try:
            path = partial.save(out)
        except ResultError as error:
            _report(error)
            return
        _report(f"{len(partial.replicate)} finished replicates are kept in {path}")
    else:
        _report(f"{len(partial.replicate)} replicates had finished; --out FILE keeps them")


if __name__ == "__main__":
    sys.exit(main())
