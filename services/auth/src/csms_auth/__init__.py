"""Who may connect and who may charge: station credentials, ID tokens and their groups.

`csms_auth.app.Auth` is the service; `domain` decides without I/O, `store` keeps, `consumers` and `handlers` answer the
bus, `http` is the API.
"""
