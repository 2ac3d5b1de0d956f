"""The two errors that a person sees as one or two lines instead of a traceback."""


class FoveateError(Exception):
    """Something failed that the person can put right: a file, a folder, a disk. Exit status 1."""

    exit_status = 1


class UsageError(FoveateError):
    """The command or the study asks for something that does not exist or makes no sense. Exit status 2."""

    exit_status = 2


class Interrupted(FoveateError):  # noqa: N818 - nothing went wrong
    """A person or the system asked the program to stop; what was done is on disk."""
