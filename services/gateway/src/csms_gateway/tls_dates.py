"""Until when TLS files are good, for the metrics."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography import x509
from csms_runtime import metrics

from csms_gateway import tls_revocation
from csms_gateway.tls import CertificateFiles, TlsFiles


@dataclass(frozen=True, slots=True)
class Dates:
    """Unix times."""

    certificates: dict[str, float]
    """By file: when the server's certificate ends."""
    authorities: dict[str, float]
    """By name: when an authority of stations' certificates ends."""
    lists: dict[str, tuple[float, float]]
    """By the name of the authority: until when its revocation list is good, and when it was made."""


def dates(files: TlsFiles) -> Dates:
    """Read the dates of the files. Raises OSError."""
    authorities = [each for path in files.client_cas for each in tls_revocation.certificates(path)]
    lists = [each for path in files.client_crls for each in tls_revocation.lists(path)]
    return Dates(
        {str(pair.certificate): _expires_at(pair) for pair in files.certificates}, _ends(authorities), _good(lists)
    )


def show(found: Dates) -> None:
    """Tell the metrics."""
    for path, expires_at in found.certificates.items():
        metrics.GATEWAY_TLS_CERTIFICATE_EXPIRY.labels(path).set(expires_at)
    metrics.GATEWAY_TLS_AUTHORITY_EXPIRY.replace({(name,): moment for name, moment in found.authorities.items()})
    metrics.GATEWAY_TLS_CRL_EXPIRY.replace({(name,): until for name, (until, _) in found.lists.items()})
    metrics.GATEWAY_TLS_CRL_MADE.replace({(name,): made for name, (_, made) in found.lists.items()})


def _expires_at(pair: CertificateFiles) -> float:
    try:
        leaf = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    except ValueError as error:
        raise OSError(f"{pair.certificate} does not begin with a certificate in PEM (BEGIN CERTIFICATE)") from error
    return leaf.not_valid_after_utc.timestamp()


def _ends(authorities: Sequence[x509.Certificate]) -> dict[str, float]:
    """Of several certificates of one name, one of which replaces another, the last one counts."""
    found: dict[str, float] = {}
    for each in authorities:
        name = each.subject.rfc4514_string()
        found[name] = max(found.get(name, 0.0), each.not_valid_after_utc.timestamp())
    return found


def _good(lists: Iterable[x509.CertificateRevocationList]) -> dict[str, tuple[float, float]]:
    """A list that does not say when the next one comes is good for ever."""
    found: dict[str, tuple[float, float]] = {}
    for each in lists:
        name, until = each.issuer.rfc4514_string(), each.next_update_utc
        if until is not None:
            span = until.timestamp(), each.last_update_utc.timestamp()
            found[name] = max(found.get(name, span), span)
    return found
