"""The one error that users see: a bad file, key or row, said in one line."""


class ToffeeError(Exception):
    """Something that the user can put right.

    Args:
        message: one line that names the file, key or row and says what was expected. Line breaks
            are folded into spaces, so that a log or a terminal always shows exactly one line.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(str(message).split()))
