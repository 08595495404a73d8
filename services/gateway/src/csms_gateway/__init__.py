"""The gateway: holds the stations' WebSockets and their OCPP-J sessions, and nothing durable.

handshake            what an HTTP upgrade request says (pure)
connection_requests  asks auth whether the station may connect
socket               the WebSocket with our own keepalive and stuck-peer detection
server               listens, and runs handshakes and connections
connection           drives one csms_ocpp.session.Session
connection_runner    registers, announces and runs each connection
station_calls        a station's CALLs: to the bus and the answers back
commands             CALLs for stations: from the bus and the results back
registry             which stations are connected here; newest wins
announcements        what the other services are told about this gateway and its connections
publisher            batches what is published
retrying             publishes what nobody could ask for again
app                  the only wiring
"""
