"""``python -m deploy.cli`` is ``guldadra``."""

from deploy.cli import main

main()
