"""Regenerate the configuration's schema and reference."""

from toffee.config.reference import README, SCHEMA, write_reference

if __name__ == "__main__":
    write_reference()
    print(f"wrote {SCHEMA} and {README}")
