"""The ways a run can fail that a user, not a developer, has to act on."""


class InputError(ValueError):
    """A setting, a file or a folder that the user gave cannot be used.

    The message is one line: it names the setting or file, what it takes and what it got.
    """


class DivergedError(RuntimeError):
    """Training produced a loss that is not finite; the message names epoch and λ."""


class LockedError(RuntimeError):
    """Another process is writing this run; the message names it."""


class PrerequisiteError(RuntimeError):
    """A run needs the model of another one that has none; the message names it and says why."""


class CertificateError(RuntimeError):
    """An attack did what was certified to be impossible; the message says how often, and names an example."""
