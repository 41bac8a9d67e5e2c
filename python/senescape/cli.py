"""The command line: ``senescape run``, ``presets`` and ``validate``.

Exit codes: 0 fine, 1 a run failed, 2 the input is not valid, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from senescape.errors import ModelError, PluginError, ScenarioError, SenescapeError, SimulationError

if TYPE_CHECKING:
    from senescape.results import Result
    from senescape.scenario import Scenario

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.call(arguments))
    except (ScenarioError, ModelError, PluginError) as error:
        print(f"senescape: {error}", file=sys.stderr)
        return 2
    except SimulationError as error:
        print(f"senescape: {error}", file=sys.stderr)
        _keep_partial(error.partial, arguments)
        return 1
    except SenescapeError as error:
        print(f"senescape: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as error:
        print("senescape: interrupted", file=sys.stderr)
        _keep_partial(getattr(error, "partial", None), arguments)
        return 130


def _parser() -> argparse.ArgumentParser:
    from senescape import __version__

    parser = argparse.ArgumentParser(prog="senescape", description="How a treated tumour relapses, cell by cell.")
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
    run.set_defaults(call=_run)

    presets = commands.add_parser("presets", help="list the shipped scenarios")
    presets.add_argument("--json", action="store_true", help="print JSON")
    presets.set_defaults(call=_presets)

    validate = commands.add_parser("validate", help="check a scenario without running it")
    validate.add_argument("scenario", help="a preset's name or a TOML file")
    validate.set_defaults(call=_validate)
    return parser


def _scenario(arguments: argparse.Namespace) -> Scenario:
    from senescape.scenario import load

    values: dict[str, float] = {}
    for text in getattr(arguments, "set", []):
        name, _, value = text.partition("=")
        try:
            values[name] = float(value)
        except ValueError:
            raise ScenarioError(f"--set {text}: write NAME=NUMBER, for example --set escape.h0=0.01") from None
    return load(arguments.scenario).with_params(values)


def _run(arguments: argparse.Namespace) -> int:
    from senescape.simulate import simulate

    scenario = _scenario(arguments)
    result = simulate(scenario, replicates=arguments.replicates, seed=arguments.seed, threads=arguments.threads)
    if arguments.out:
        result.save(arguments.out)
    if arguments.json:
        print(json.dumps(_summary(scenario, result), indent=2))
        return 0
    print(f"{scenario.name}: {len(result.replicate)} replicates, seed {result.provenance['run']['seed']}\n")
    print(result.ledger, end="\n\n")
    print(result.outcomes)
    return 0


def _presets(arguments: argparse.Namespace) -> int:
    from senescape.scenario import presets

    shipped = presets()
    if arguments.json:
        print(json.dumps(shipped, indent=2))
    else:
        for name, description in shipped.items():
            print(f"{name:28} {description}")
    return 0


def _validate(arguments: argparse.Namespace) -> int:
    from senescape.simulate import check

    scenario = _scenario(arguments)
    check(scenario)
    model = scenario.model
    print(
        f"{scenario.name} is valid: {len(model.fates)} fates, {len(model.traits)} traits, "
        f"{len(model.transitions)} transitions, {len(model.parameters)} parameters"
    )
    return 0


def _summary(scenario: Scenario, result: Result) -> dict[str, Any]:
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
        name: [None if isinstance(x, float) and x != x else x for x in column.tolist()]
        for name, column in result.outcomes.items()
    }
    return {
        "scenario": scenario.name,
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
        path = partial.save(out)
        print(f"senescape: {len(partial.replicate)} finished replicates are kept in {path}", file=sys.stderr)
    else:
        print(f"senescape: {len(partial.replicate)} replicates had finished; --out FILE keeps them", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
