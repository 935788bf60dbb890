"""The errors a user may meet: one sentence each, saying what is wrong and what to do."""


class SimiaError(Exception):
    """The work failed. Shown as one sentence; the command exits with 1."""

    exit_code = 1


class UsageError(SimiaError):
    """Wrong usage or bad input. Shown as one sentence; the command exits with 2."""

    exit_code = 2
