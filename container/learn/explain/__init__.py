"""``was explain``: what happens to a request, station by station, and which line of the web app says so.

    explain(context, method, target) ──> Explanation ──> to_text, to_json

Everything is asked of the engine that answers requests (mapper, filter choice, constraints, error pages,
static plan), so the two cannot disagree. No servlet, filter or listener of the web app is made or called.
"""

from __future__ import annotations

from container.engine.context import Context
from container.learn.explain.model import Explanation

__all__ = ["Explanation", "explain"]


def explain(context: Context, method: str, target: str, *, folder: str | None = None) -> Explanation:
    """Say what happens to a request.

    context runs, or was examined (Container.examine). target is a path with its context path, or a whole URL;
    which web app it belongs to is looked for among all of context's container. folder is how places call the
    web app's folder; its path from the current directory unless it is given.
    """
    raise NotImplementedError
