"""`python -m tapescan` is the `tapescan` command."""

from tapescan.interfaces.cli.main import main

main()
