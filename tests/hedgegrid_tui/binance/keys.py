"""An Ed25519 key of the standard's own examples, whose signatures are known beforehand."""

import base64
from typing import Final

PKCS8: Final = bytes.fromhex("302e020100300506032b657004220420")
SEED: Final = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
"""RFC 8032, section 7.1, TEST 2."""
ED25519_SIGNATURE: Final = base64.b64encode(
    bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
).decode()
"""Of the message `r`, TEST 2."""


def pem_of(seed: bytes) -> str:
    """A private key as `openssl genpkey` writes it."""
    return f"-----BEGIN PRIVATE KEY-----\n{base64.b64encode(PKCS8 + seed).decode()}\n-----END PRIVATE KEY-----"


PEM: Final = pem_of(SEED)
