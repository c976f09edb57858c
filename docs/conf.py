"""The documentation as a site: `sphinx-build -W docs FOLDER` (extra docs). Needs no network."""

from __future__ import annotations

import sys
from pathlib import Path

import container

sys.path.insert(0, str(Path(__file__).parent))  # for reference.py

project = "servlet-container"
author = "The servlet-container developers"
copyright = author
version = release = container.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "reference"]
exclude_patterns = ["_*"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3  # links such as tls.md#health, as GitHub has them
toc_object_entries = False  # else each method is in the table of contents
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
highlight_language = "text"
smartquotes = False  # two hyphens begin a flag
pygments_style = "friendly"
pygments_dark_style = "github-dark"

html_theme = "furo"
html_title = f"servlet-container {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "navigation_with_keys": True,
    "light_css_variables": {"color-brand-primary": "#0b5a8a", "color-brand-content": "#0b5a8a"},
    "dark_css_variables": {"color-brand-primary": "#7cc4f0", "color-brand-content": "#7cc4f0"},
}
