"""The gateway: holds the stations' WebSockets and their OCPP-J sessions, and nothing durable.

server               listens, and sees each connection through from its request to its end
upgrades             decides about upgrade requests: who waits, who is refused
handshake            what an upgrade request says (pure)
connection_requests  asks auth whether the station may connect
socket               a station's WebSocket; intake is its reading half, keepalive finds dead peers
connection           drives one csms_ocpp.session.Session
connection_runner    registers, announces and runs each connection
connections          the open ones; a station's newest wins
station_call_router  stations' CALLs: to the bus, and the answers back
command_router       CALLs for stations: from the bus, and the results back
versions             what the gateway must know of each OCPP version
announcements        what the other services are told about this gateway and its connections
publisher            batches what is published
retrying             publishes what nobody could ask for again
app                  the only wiring
"""
