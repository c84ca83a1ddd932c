"""What to do about a certificate that is refused, by OpenSSL's number of the reason."""

from __future__ import annotations

#: what the extensions of a certificate must not be, or lack; only strict checks look at it
_STRICT = range(80, 95)
_NOT_STRICT_ENOUGH = (
    "The certificate, or its authority's, breaks rules that Python 3.13 and newer insist on "
    "(VERIFY_X509_STRICT). Another CA bundle does not help: have the certificates issued anew according to "
    "RFC 5280. Until then, run the tasks with Python 3.12."
)
_OTHER_NAME = (
    "The certificate is for another name. Give the connection the portal's name as the certificate has it."
)
_ADVICE = {
    9: "The certificate is not valid yet. Check the clock of the worker and the portal's certificate.",
    10: "Have the certificate renewed where the portal is run; check the clock of the worker, too.",
    62: _OTHER_NAME,
    64: _OTHER_NAME,
    **dict.fromkeys(_STRICT, _NOT_STRICT_ENOUGH),
}


def advice_on(verify_code: int) -> str:
    """Return what to do about a certificate, ``""`` where the general advice on a CA bundle helps.

    :param verify_code: ``verify_code`` of ``ssl.SSLCertVerificationError``
    """
    return _ADVICE.get(verify_code, "")
