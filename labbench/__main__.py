"""Run the command line as ``python -m labbench``."""

from labbench.cli import main

main()
