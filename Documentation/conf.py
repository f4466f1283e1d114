# SPDX-License-Identifier: GPL-2.0
"""Configures Sphinx, which scripts/docs runs."""

project = "rust_dma_pool"
html_theme = "alabaster"
html_theme_options = {"page_width": "60em"}
html_show_copyright = False
html_show_sourcelink = False
# A reference that leads nowhere is a warning, hence an error.
nitpicky = True
# Options begin with two hyphens; they are no dash.
smartquotes = False
highlight_language = "none"
