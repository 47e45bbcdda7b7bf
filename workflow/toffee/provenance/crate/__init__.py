"""A results folder as an RO-Crate: `graph` holds JSON-LD, `source` copies the workflow, `files` and
`jobs` turn records into entities, `write` puts them together."""

from toffee.provenance.crate.write import write_crate

__all__ = ["write_crate"]
