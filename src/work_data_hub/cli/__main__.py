"""`python -m work_data_hub.cli` is `wdh`."""

from .main import main

main()
