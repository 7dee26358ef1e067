"""`python -m shipping.cli` is `ship`."""

from shipping.cli import main

main()
