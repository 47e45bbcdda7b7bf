"""A signed statement covers every record: a forger without the key is found."""

import base64
import json
import subprocess
import time

import pytest

from toffee.cli import main
from toffee.provenance.attestation import FILE, root_digest, verify
from toffee.provenance.results import Results


@pytest.fixture
def keys(tmp_path):
    """A private and a public key, as openssl's users have them."""
    from cryptography.hazmat.primitives import serialization as pem
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    found = []
    for number in range(2):
        key = Ed25519PrivateKey.generate()
        private, public = tmp_path / f"{number}.pem", tmp_path / f"{number}.pub"
        form = pem.PrivateFormat.PKCS8, pem.NoEncryption()
        private.write_bytes(key.private_bytes(pem.Encoding.PEM, *form))
        form = pem.PublicFormat.SubjectPublicKeyInfo
        public.write_bytes(key.public_key().public_bytes(pem.Encoding.PEM, form))
        found.append((private, public))
    return found


def audit(run, *arguments):
    return main(["audit", str(run.folder), "--tier", "schema", *map(str, arguments)])


def test_a_signed_folder(run, keys, capsys):
    (private, public), (_, other) = keys
    assert main(["attest", str(run.folder), "--key", str(private)]) == 0
    root = root_digest(Results(run.folder, run.project))
    assert f"signed, root digest sha256:{root}" in capsys.readouterr().out
    assert audit(run, "--key", public) == 0
    assert f"root digest of 6 records: sha256:{root}" in capsys.readouterr().err
    assert audit(run, "--key", other) == 10
    assert "expected a signature of the key" in capsys.readouterr().out


def test_records_that_were_forged_after_the_signature(run, keys, capsys):
    (private, public), _ = keys
    main(["attest", str(run.folder), "--key", str(private)])
    run.forge(lambda content: content["params"].update(seed=1))
    assert audit(run) == 10 and audit(run, "--key", public) == 10
    main(["attest", str(run.folder)])  # without the key
    assert audit(run) == 0 and audit(run, "--key", public) == 10
    assert "found none" in capsys.readouterr().out


def test_a_key_asks_for_a_statement(run, keys):
    assert audit(run, "--key", keys[0][1]) == 10


def test_the_statement_is_in_totos(run, keys):
    main(["attest", str(run.folder), "--key", str(keys[0][0])])
    envelope = json.loads((run.folder / FILE).read_text())
    said = json.loads(base64.b64decode(envelope["payload"]))
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["predicateType"] == "https://slsa.dev/provenance/v1"
    (subject,) = said["subject"]
    assert subject["name"] == "results/tiny/records"


def test_the_whole_audit_knows_the_file(run, keys):
    main(["attest", str(run.folder), "--key", str(keys[0][0])])
    from .test_faults import audited

    assert audited(run) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"payload": "?"}',
        '{"payloadType": 1, "payload": ""}',
        "null",
        '{"subject": 3}',
    ],
)
def test_what_is_no_statement(run, keys, text):
    (run.folder / FILE).write_text(text)
    assert verify(Results(run.folder, run.project), run.folder / FILE, keys[0][1])


def test_no_more_signatures_are_looked_at_than_an_envelope_needs(run, keys, monkeypatch):
    (private, public), (other, _) = keys
    main(["attest", str(run.folder), "--key", str(other)])
    signed = json.loads((run.folder / FILE).read_text())
    signed["signatures"] *= 50_000
    (run.folder / FILE).write_text(json.dumps(signed))
    start = time.process_time()
    assert audit(run, "--key", public) == 10
    assert time.process_time() - start < 3


def test_what_is_no_key_is_one_line(run, keys, tmp_path, capsys):
    (tmp_path / "rsa.pem").write_text("-----BEGIN NONSENSE-----")
    assert audit(run, "--key", tmp_path / "rsa.pem") == 1
    assert main(["attest", str(run.folder), "--key", str(keys[0][1])]) == 1
    assert main(["attest", str(run.folder), "--key", str(tmp_path / "none")]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert sum(line.startswith("error: ") for line in lines) == 3
    assert not (run.folder / FILE).exists()


def test_records_that_do_not_hold_are_not_attested(run):
    run.edit("results/tiny/site", lambda content: content.update(seed=8), sealed=False)
    assert main(["attest", str(run.folder)]) == 1


def test_openssl_agrees(run, keys, tmp_path):
    """Another program verifies the signature."""
    private, public = keys[0]
    main(["attest", str(run.folder), "--key", str(private)])
    envelope = json.loads((run.folder / FILE).read_text())
    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"].encode()
    signed, signature = tmp_path / "signed", tmp_path / "signature"
    signed.write_bytes(b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload))
    signature.write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin"]
    try:
        done = subprocess.run([*command, "-in", signed, "-sigfile", signature], capture_output=True)
    except FileNotFoundError:
        pytest.skip("no openssl here")
    assert done.returncode == 0, done.stdout + done.stderr
