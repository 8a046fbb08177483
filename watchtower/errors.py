"""Errors by whose fault they are. An expected failure on the wire is not one: it is a value with an enumerated reason."""


class WatchtowerError(Exception):
    """Anything that ends a command with a message for a person."""


class ConfigError(WatchtowerError):
    """The operator's: every mistake that was found, each on a line that says what would be right."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class JournalError(WatchtowerError):
    """The storage's: what is in the journal cannot be read as a journal."""


class StartError(WatchtowerError):
    """The machine's: an address is taken, a folder cannot be made, a certificate cannot be read."""
