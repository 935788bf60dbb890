"""What may be in a trajectory: a rule names the traits that it looks for, and is not asked where they are missing.

Plain bits, for they are compared tens of times a trajectory. A trait may be seen where it is not, never the other
way round.
"""

CALLS = 1 << 0
"""A call."""

UNREAD = 1 << 1
"""A call whose arguments are unknown."""

UNDECLARED = 1 << 2
"""A call of a tool that is not declared."""

BAD_SCHEMA = 1 << 3
"""A call of a tool whose schema is not valid."""

FAULTY = 1 << 4
"""A call whose arguments break the schema of its tool."""

UNRULY = 1 << 5
"""A call whose arguments may break a rule of the domain on arguments."""

NUMBERS = 1 << 6
"""A call of a tool that wants integers, with something else than plain texts and integers among its arguments."""

WRAPPED = 1 << 7
"""A call with an argument named as wrappers of arguments are."""

SETS = 1 << 8
"""A call that sets members of a thing."""

CALCULATES = 1 << 9
"""A call of a calculator."""

LOST = 1 << 10
"""A source that owns up to calls it did not keep."""

ERRORS = 1 << 11
"""A tool turn that is an error."""

UNPAIRED = 1 << 12
"""A call without an observation, or the other way round."""

IRREGULAR = 1 << 13
"""Turns in another order than user, assistant, observations, assistant and so on, or with nothing in one."""

THOUGHT_TAG = 1 << 14
"""A tag of reasoning in a text."""

MARKUP = 1 << 15
"""Markup of calls or roles in a text."""

SIMULATOR = 1 << 16
"""What stands in the prompts of a simulator, in a text."""

SECRET = 1 << 17
"""What looks like a key or token."""

MAIL = 1 << 18
"""The sign of a mail address."""

NUMBERED = 1 << 19
"""What looks like a number that belongs to one person."""

ORDERS, TOTALS, LIMITS, TASKS = 1 << 20, 1 << 21, 1 << 22, 1 << 23
"""What the domain's hints hold."""

ANY = -1
"""Every trait: of a rule that is always asked, of a trajectory that could not be surveyed."""
