"""The typed stub of the engine says what the binary holds."""

import ast
import inspect
from pathlib import Path

import senescape
from senescape import _core


def test_stub_and_binary_agree():
    tree = ast.parse((Path(senescape.__file__).parent / "_core.pyi").read_text())
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    names = {*functions, *classes, "__version__"}
    public = {name for name in dir(_core) if not name.startswith("_") or name == "__version__"}
    assert public == names
    for name, node in functions.items():
        wanted = [argument.arg for argument in node.args.args]
        assert list(inspect.signature(getattr(_core, name)).parameters) == wanted, name
    for name, node in classes.items():
        bases = [base.__name__ for base in getattr(_core, name).__bases__]
        assert bases == [base.id for base in node.bases], name
