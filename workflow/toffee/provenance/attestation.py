"""One digest of all records of a results folder, and a statement about it that can be signed.

The digest is the root of a Merkle tree (as RFC 6962 hashes it) of the names and digests of all
records. The statement is an in-toto Statement with an SLSA provenance predicate; signed, it is the
payload of a DSSE envelope with an Ed25519 signature. So any tool that reads these can check it.
"""

import base64
import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from toffee.provenance.digests import parse_json, read_json, read_text
from toffee.provenance.paths import RECORDS
from toffee.provenance.results import Results
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import open_file, write_text

FILE = "attestation.json"
"""Where a results folder keeps its statement."""

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
BUILD = "https://snakemake.github.io/#workflow"
PAYLOAD = "application/vnd.in-toto+json"
MOST_SIGNATURES = 100
"""Of an envelope that are looked at: a file of a few megabytes can hold any number."""


def root_digest(results: Results) -> str:
    """SHA-256 of all records, those of earlier runs too: one digest that stands for all of them.

    A record has its name and its digest in the tree; the digest covers its content, and that names
    every file that was read and written, the code, the values and the configuration.
    """
    records = {**results.records, **results.earlier}
    leaves = [f"{name}\0{records[name].sha256}".encode() for name in sorted(records)]
    return merkle_root(leaves).hex()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The root of a Merkle tree (RFC 6962, section 2.1)."""
    level = [sha256(b"\0" + leaf).digest() for leaf in leaves]
    if not level:
        return sha256().digest()
    while len(level) > 1:
        # An odd one rises alone, which gives RFC 6962's tree.
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [sha256(b"\1" + one + other).digest() for one, other in pairs] + (
            level[-1:] if len(level) % 2 else []
        )
    return level[0]


def statement(results: Results) -> dict[str, Any]:
    """What is attested: the records as a whole, and what they were made from and by."""
    records = list(results.records.values())
    commits = sorted({one.git.commit for one in records if one.git.commit})
    locks = sorted({one.environment.lock for one in records if one.environment.lock})
    sources = [{"name": "checkout", "digest": {"gitCommit": one}} for one in commits]
    sources += [{"name": "envs/requirements.txt", "digest": {"sha256": one}} for one in locks]
    return {
        "_type": STATEMENT,
        "subject": [
            {"name": f"{results.root}/{RECORDS}", "digest": {"sha256": root_digest(results)}}
        ],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD,
                "externalParameters": {"configurations": sorted({one.config for one in records})},
                "internalParameters": {"records": len(records)},
                "resolvedDependencies": sources,
            },
            "runDetails": {
                "builder": {"id": "https://arxiv.org/abs/2406.09305#toffee"},
                "metadata": {
                    "startedOn": min(one.start for one in records).isoformat(),
                    "finishedOn": max(one.end for one in records).isoformat(),
                },
            },
        },
    }


def attest(results: Results, out: Path, key: Path | None = None) -> str:
    """Write the statement of a results folder; with a key, signed. Returns the root digest.

    Args:
        results: the folder.
        out: the file.
        key: a private Ed25519 key (PEM), as `openssl genpkey -algorithm ed25519` makes it.

    Raises:
        ToffeeError: there are no records, one of them does not hold, or the key is none.
    """
    if results.problems:
        path, expected, found = results.problems[0]
        raise ToffeeError(f"{path}: expected {expected}, found {found}; nothing is attested")
    if not results.records:
        raise ToffeeError(f"{results.folder / RECORDS}: no records, expected those of a run")
    content = statement(results)
    payload = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    document: dict[str, Any] = content
    if key is not None:
        document = {
            "payloadType": PAYLOAD,
            "payload": base64.b64encode(payload).decode(),
            "signatures": [_signature(_private(key), payload)],
        }
    write_text(out, json.dumps(document, indent=1) + "\n")
    return str(content["subject"][0]["digest"]["sha256"])


def verify(results: Results, file: Path, key: Path | None) -> tuple[str, str] | None:
    """Compare a statement with the records: what was expected and found, where it does not hold.

    Args:
        results: the folder.
        file: the statement.
        key: the public Ed25519 key (PEM) that has to have signed it; without one a signature is not
            looked at.

    Raises:
        ToffeeError: the key is none.
    """
    public = _public(key) if key is not None else None
    try:
        document = read_json(file)
        payload = _payload(document)
        said = parse_json(payload.decode("utf-8"), file) if payload else document
        digest = str(said["subject"][0]["digest"]["sha256"])
    except (ToffeeError, ValueError, LookupError, TypeError) as error:
        return "an in-toto statement about the records", str(error)
    if public is not None and not _is_signed(document, payload, public):
        return f"a signature of the key {key}", "none" if not payload else "another one"
    root = root_digest(results)
    if said.get("_type") != STATEMENT or digest != root:
        return f"a statement about records with the root digest {root[:16]}…", f"{digest[:16]}…"
    return None


def _payload(document: Any) -> bytes:
    """What an envelope holds; nothing of a statement that is in none."""
    if isinstance(document, dict) and "payload" in document:
        if document.get("payloadType") != PAYLOAD:
            raise ToffeeError(f"a payload of type {document.get('payloadType')}")
        return base64.b64decode(document["payload"], validate=True)
    return b""


def _encoded(payload: bytes) -> bytes:
    """What is signed: DSSE's encoding of the payload and its type."""
    kind = PAYLOAD.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def _signature(private: Any, payload: bytes) -> dict[str, str]:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    made = base64.b64encode(private.sign(_encoded(payload))).decode()
    return {"keyid": sha256(raw).hexdigest(), "sig": made}


def _is_signed(document: Any, payload: bytes, public: Any) -> bool:
    from cryptography.exceptions import InvalidSignature

    signatures = document.get("signatures") if payload else None
    for one in signatures[:MOST_SIGNATURES] if isinstance(signatures, list) else ():
        try:
            public.verify(base64.b64decode(one["sig"], validate=True), _encoded(payload))
            return True
        except (InvalidSignature, ValueError, LookupError, TypeError):
            continue
    return False


def _private(path: Path) -> Any:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        with open_file(path) as file:
            key = load_pem_private_key(file.read(2**16), password=None)
    except (ValueError, TypeError) as error:
        raise ToffeeError(f"{path}: expected a private key without a password, in PEM") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ToffeeError(f"{path}: expected an Ed25519 key, found {type(key).__name__}")
    return key


def _public(path: Path) -> Any:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(read_text(path).encode())
    except ValueError as error:
        raise ToffeeError(f"{path}: expected a public key in PEM") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ToffeeError(f"{path}: expected an Ed25519 key, found {type(key).__name__}")
    return key
