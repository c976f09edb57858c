"""Pages that show how the server works, on its admin address: what they share.

    Pages([tab, ...]) ── an exchange.Handler ──> AdminServer
    Tab: one page at a path of its own: page.html, its .js and .css, strings.json, and the JSON behind it

static/ has the shell of all of them: header, tabs, language switch, colours for light and dark, and shell.js
(strings, fetch, time). A page is the markup between; its words stand in strings.json in each language, and
markup asks for them by data-i18n. No page needs a build step, another host, or anything inline.
"""

from container.learn.pages.site import Data, Pages, Tab, Values

__all__ = ["Data", "Pages", "Tab", "Values"]
