"""The tree of digests is RFC 6962's."""

from hashlib import sha256

import pytest

from toffee.provenance.attestation import merkle_root


def reference(leaves):
    """RFC 6962, section 2.1, as it is written there."""
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return sha256(b"\0" + leaves[0]).digest()
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return sha256(b"\1" + reference(leaves[:half]) + reference(leaves[half:])).digest()


@pytest.mark.parametrize("count", [*range(18), 31, 33])
def test_the_root_is_the_standards(count):
    leaves = [str(number).encode() for number in range(count)]
    assert merkle_root(leaves) == reference(leaves)
