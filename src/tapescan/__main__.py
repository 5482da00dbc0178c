"""`python -m tapescan` is the `tapescan` command."""

from tapescan.cli.main import main

main()
