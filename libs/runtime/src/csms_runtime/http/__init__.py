"""The HTTP side of a service: app factory, errors, keys, pages, server."""

from csms_runtime.http.app import API_PREFIX, create_app, create_management_app
from csms_runtime.http.audit import Audit, AuditedRequest
from csms_runtime.http.connections import ConnectionLimits
from csms_runtime.http.keys import ApiKeys, Principal, Scope, StoredKey, digest_of, generate_api_key
from csms_runtime.http.management import management_router
from csms_runtime.http.pages import DEFAULT_LIMIT, MAX_LIMIT, Page, PageParams, decode_cursor, encode_cursor, paginate
from csms_runtime.http.problems import Problem
from csms_runtime.http.security import CurrentPrincipal, demand, require
from csms_runtime.http.server import PortTakenError, listening, serve
from csms_runtime.http.tokens import Tokens

__all__ = [
    "API_PREFIX",
    "DEFAULT_LIMIT",
    "MAX_LIMIT",
    "ApiKeys",
    "Audit",
    "AuditedRequest",
    "ConnectionLimits",
    "CurrentPrincipal",
    "Page",
    "PageParams",
    "PortTakenError",
    "Principal",
    "Problem",
    "Scope",
    "StoredKey",
    "Tokens",
    "create_app",
    "create_management_app",
    "decode_cursor",
    "demand",
    "digest_of",
    "encode_cursor",
    "generate_api_key",
    "listening",
    "management_router",
    "paginate",
    "require",
    "serve",
]
