"""``python -m container`` is the ``was`` command."""

from __future__ import annotations

import sys
from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    try:
        from container.cli import main as run  # takes a moment, in which somebody may think better of it
    except KeyboardInterrupt:
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
