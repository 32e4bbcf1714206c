"""`python -m sklearn_segae` is the command `segae`."""

from .cli import main

if __name__ == "__main__":
    main()
