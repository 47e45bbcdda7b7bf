"""Text from elsewhere, made safe to show."""


def printable(text: object) -> str:
    """A text on one line that no terminal obeys: what is no printable character is escaped.

    A name of a file or a value of a record may hold line breaks, control sequences that move the
    cursor or change colours, text that runs backwards, or bytes that are no UTF-8.
    """
    return "".join(one if one.isprintable() else _escaped(one) for one in str(text))


def _escaped(character: str) -> str:
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # a byte that is no UTF-8, as Python reads names of files
        return f"\\x{number - 0xDC00:02x}"
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
