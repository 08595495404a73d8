"""Requests to connect."""

from ipaddress import ip_network
from urllib.parse import quote

from csms_gateway.handshake import Refusal, identity, opening
from csms_gateway.proxy import ProxyRules, Visitor, behind
from csms_ocpp.station_ids import fault_of
from websockets.exceptions import InvalidHeader, SecurityError
from websockets.http11 import Request
from websockets.streams import StreamReader

_PROTOCOLS = ("ocpp2.1", "ocpp2.0.1", "ocpp1.6")
_RULES = ProxyRules(trusted=(ip_network("10.0.0.0/8"), ip_network("fd00::/8")))
_TRUSTED, _STRANGER = Visitor("10.0.0.1"), Visitor("192.0.2.1")


def handshake(data: bytes) -> None:
    """The bytes of a request to connect, as the HTTP parser hands them on; also those of a proxy."""
    request = _request(data)
    if request is None:
        return
    path, headers = request.path, request.headers
    try:
        wanted = opening(path, headers.get_all("Sec-WebSocket-Protocol"), headers.get_all("Authorization"), _PROTOCOLS)
    except Refusal as refusal:
        assert 400 <= refusal.status < 500
        assert len(refusal.text) < 200
    else:
        assert not fault_of(wanted.station_id)
        assert wanted.station_id.isprintable()
        assert not set(wanted.station_id) & set(":/")
        assert identity("/" + quote(wanted.station_id, safe="")) == wanted.station_id
        assert wanted.protocol in _PROTOCOLS
        assert (wanted.password is not None) == bool(headers.get_all("Authorization"))
    assert behind(_STRANGER, headers, _RULES) == _STRANGER, "a stranger's headers were believed"
    visitor = behind(_TRUSTED, headers, _RULES)
    assert len(visitor.address) <= 64
    assert visitor.tls or not visitor.certificate


def _request(data: bytes) -> Request | None:
    reader = StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    parsing = Request.parse(reader.read_line)
    try:
        while True:
            next(parsing)
    except StopIteration as done:
        request: Request = done.value
        return request
    except (EOFError, ValueError, SecurityError, InvalidHeader):  # what websockets itself refuses
        return None
