"""The one error that users see: one line that names a bad file, key or row."""


class ToffeeError(Exception):
    """Something that the user can correct.

    Args:
        message: one line that names the file, key or row and says what was expected. Line breaks
            are folded into spaces, so that a log or a terminal always shows exactly one line.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(str(message).split()))
