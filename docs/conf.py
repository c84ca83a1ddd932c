"""How the pages become a site: ``make docs``. Nothing is fetched, neither by the build nor by a reader."""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from sphinx.application import Sphinx

import airflow_provider_bitrix24

project = "airflow-provider-bitrix24"
author = "The airflow-provider-bitrix24 maintainers"
version = release = airflow_provider_bitrix24.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "reference_directive"]
root_doc = "index"
source_suffix = {".md": "markdown"}
myst_heading_anchors = 3

autodoc_class_signature = "mixed"
autodoc_mock_imports = ["dlt", "pyarrow"]  # extras, which the site is built without
autodoc_typehints = "none"  # the docstrings say it
autodoc_member_order = "bysource"
python_maximum_signature_line_length = 80
toc_object_entries_show_parents = "hide"

# Links between the package's own docstrings have to lead somewhere; Airflow's site is not asked.
nitpicky = True
nitpick_ignore_regex = [("py:mod", r"airflow_provider_bitrix24\..*"), ("py:.*", r"airflow\.(?!provider_).*")]

html_theme = "furo"
html_title = f"{project} {release}"
html_copy_source = False
html_show_sourcelink = False


def _add_navigation(app: Sphinx, name: str, source: list[str]) -> None:
    """Make the lists of pages on the first one the site's navigation, in which Sphinx misses no page."""
    if name == root_doc:
        source[0] += "".join(map(_navigation, source[0].split("\n### ")[1:]))


def _navigation(section: str) -> str:
    """Return what puts a section's list of pages into the navigation, under the section's title."""
    title, _, text = section.partition("\n")
    pages = re.findall(r"^- \[[^]]*\]\((\w+)\.md\)", text, re.MULTILINE)
    return "\n".join(["", "```{toctree}", ":hidden:", f":caption: {title}", "", *pages, "```", ""])


def setup(app: Sphinx) -> None:
    """Sphinx calls this."""
    app.connect("source-read", _add_navigation)
