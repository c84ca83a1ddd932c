"""A directive that lists whatever is public: ``.. reference:: operators``."""

from __future__ import annotations

from typing import Any

import surface
from airflow.triggers.base import BaseTrigger
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class Reference(SphinxDirective):
    """Describe every public class of a section by its docstring."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return what autodoc makes of the classes."""
        section = self.arguments[0]
        parts = [_described(section, path, cls) for path, cls in surface.classes(section).items()]
        return self.parse_text_to_nodes("\n".join(parts))


def _described(section: str, path: str, cls: type) -> str:
    if section in surface.FOLDERS or issubclass(cls, BaseTrigger):  # whose methods are for Airflow alone
        return f".. autoclass:: {path}{surface.signature(cls)}\n"
    if section == "errors":
        return f".. autoexception:: {path}()\n\n{_kind(cls)}"
    members = ", ".join(surface.methods(cls))
    return f".. autoclass:: {path}\n   :members: {members}\n   :inherited-members:\n"


def _kind(cls: type) -> str:
    """Return a line that says which narrower kind of error it is, where it is one."""
    parents = [base.__name__ for base in cls.__mro__[1:] if base.__module__ == cls.__module__]
    return f"   A kind of ``{parents[0]}``.\n" if len(parents) > 1 else ""


def setup(app: Sphinx) -> dict[str, Any]:
    """Make the directive known."""
    app.add_directive("reference", Reference)
    return {"parallel_read_safe": True}
