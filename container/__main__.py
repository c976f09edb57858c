"""``python -m container`` is the ``was`` command."""

from container.cli import main

if __name__ == "__main__":
    main()
