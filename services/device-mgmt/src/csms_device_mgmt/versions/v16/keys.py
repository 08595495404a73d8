"""Configuration keys of OCPP 1.6, which are the variables of one component."""

from csms_device_mgmt.device_model.variable_key import VariableKey

COMPONENT = "Configuration"
"""The component that all configuration keys belong to. OCPP 1.6 has no components."""
AUTHORIZATION_KEY = VariableKey(COMPONENT, "AuthorizationKey")
"""The station's own password; nobody can read it (security whitepaper 7.2)."""
SECURITY_PROFILE = VariableKey(COMPONENT, "SecurityProfile")
MAX_KEYS = VariableKey(COMPONENT, "GetConfigurationMaxKeys")
"""How many keys a GetConfiguration may ask for (9.1.7)."""


def same_key(name: object, key: VariableKey) -> bool:
    """Whether a name is that of a key: in any case, and blanks around it mean nothing."""
    return isinstance(name, str) and name.strip().casefold() == key.variable.casefold()
