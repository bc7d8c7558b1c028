"""Small questions to a syntax tree that several rules ask."""

import ast

Function = ast.FunctionDef | ast.AsyncFunctionDef


def dotted(node: ast.expr) -> str:
    """Return `a.b.c` as text; what is not a plain path of names begins with an empty part."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            return f"{dotted(value)}.{name}"
        case _:
            return ""


def decorators(node: Function | ast.ClassDef) -> list[str]:
    """Return the names a definition is decorated with, called or not."""
    called = (each.func if isinstance(each, ast.Call) else each for each in node.decorator_list)
    return [dotted(each) for each in called]


def methods(node: ast.ClassDef) -> list[Function]:
    """Return a class's own methods."""
    return [each for each in node.body if isinstance(each, Function)]


def imported(node: ast.AST) -> list[str]:
    """Return the full names an import statement brings in, modules and what is taken from them."""
    match node:
        case ast.Import(names=names):
            return [each.name for each in names]
        case ast.ImportFrom(module=module, names=names):
            return [f"{module}.{each.name}" for each in names]
        case _:
            return []
