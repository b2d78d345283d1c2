"""What a user of the command line can mend."""


class Mistake(Exception):
    """Of whoever typed the command: shown as one sentence, with exit code 1."""
