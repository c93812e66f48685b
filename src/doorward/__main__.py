"""``python -m doorward``: the same as the command ``doorward``."""

from doorward.cli.main import main

if __name__ == "__main__":  # worker processes import this module too
    main()
