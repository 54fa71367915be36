"""Compile a tree of Python files, without their docstrings; run by the Python that will read the result.

That is the browser's Python, so this file imports the standard library only.
"""

import ast
import importlib.util
import marshal
import sys
from pathlib import Path

_UNCHECKED_HASH = 0b01
_DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_KEEPS_DOCSTRINGS = "_pyodide"
"""Pyodide hands the docstrings of this package on to its own types as it starts."""


def compile_tree(root: Path, seen_as: str) -> None:
    """Replace each `x.py` by `x.pyc`; `seen_as` is the folder that tracebacks name.

    Raises `SyntaxError` for a file that this Python cannot read.
    """
    for source in sorted(root.rglob("*.py")):
        place = source.relative_to(root)
        name = f"{seen_as}/{place.as_posix()}"
        tree = ast.parse(source.read_bytes(), name)
        if place.parts[0] != _KEEPS_DOCSTRINGS:
            _strip(tree)
        code = compile(tree, name, "exec", dont_inherit=True)
        # Nothing in a bundle is newer than its source: no file is asked for its time.
        head = importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH.to_bytes(4, "little") + bytes(8)
        source.with_suffix(".pyc").write_bytes(head + marshal.dumps(code))
        source.unlink()


def _strip(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if not isinstance(node, _DOCUMENTED) or ast.get_docstring(node, clean=False) is None:
            continue
        text = node.body[0]
        if isinstance(node, ast.ClassDef):
            # A dataclass without one would work out its signature at each start, to have one.
            node.body[0] = ast.copy_location(ast.Expr(ast.copy_location(ast.Constant("."), text)), text)
        elif len(node.body) == 1:
            node.body[0] = ast.copy_location(ast.Pass(), text)
        else:
            del node.body[0]


if __name__ == "__main__":
    for folder, shown in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
        compile_tree(Path(folder), shown)
