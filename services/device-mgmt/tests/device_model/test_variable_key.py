from csms_device_mgmt.device_model.variable_key import VariableKey, items_per_message, reported_attributes


def key(**changes: object) -> VariableKey:
    fields: dict[str, object] = {"component": "Connector", "variable": "Available", "evse_id": 1, "connector_id": 1}
    return VariableKey(**{**fields, **changes})  # type: ignore[arg-type]


def test_every_part_of_a_name_counts() -> None:
    variants = [
        key(),
        key(component="EVSE"),
        key(variable="Power"),
        key(component_instance="Left"),
        key(evse_id=2),
        key(evse_id=None, connector_id=None),
        key(connector_id=2),
        key(variable_instance="L1"),
        key(attribute="Target"),
    ]
    assert len({variant.path for variant in variants}) == len(variants)


def test_case_does_not_count() -> None:
    assert key(component="CONNECTOR", variable="available").path == key().path


def test_a_separator_in_a_name_does_not_make_two_names_equal() -> None:
    assert VariableKey("A/B", "C").path != VariableKey("A", "C", component_instance="B").path


def test_absent_attribute_type_is_actual() -> None:
    assert VariableKey.of({"name": "A"}, {"name": "B"}).attribute == "Actual"


def test_key_gives_back_the_ocpp_objects() -> None:
    component = {"name": "Connector", "instance": "x", "evse": {"id": 2, "connectorId": 3}}
    variable = {"name": "V", "instance": "y"}
    found = VariableKey.of(component, variable, "MaxSet")
    assert (found.component_json(), found.variable_json(), found.attribute) == (component, variable, "MaxSet")


def test_absent_parts_are_omitted() -> None:
    found = VariableKey("A", "B", evse_id=1)
    assert found.component_json() == {"name": "A", "evse": {"id": 1}}
    assert found.variable_json() == {"name": "B"}


def test_report_data_is_flattened_with_the_schemas_defaults() -> None:
    entry = {
        "component": {"name": "A"},
        "variable": {"name": "B"},
        "variableAttribute": [{"value": "1"}, {"type": "MaxSet", "value": "9", "mutability": "ReadOnly"}],
        "variableCharacteristics": {"dataType": "integer", "supportsMonitoring": False},
    }
    actual, max_set = reported_attributes([entry])
    assert (actual.key.attribute, actual.value, actual.mutability) == ("Actual", "1", "ReadWrite")
    assert (actual.persistent, actual.constant) == (False, False)
    assert (max_set.key.attribute, max_set.mutability) == ("MaxSet", "ReadOnly")
    assert max_set.characteristics == entry["variableCharacteristics"]


def test_items_per_message_has_the_action_as_instance() -> None:
    assert items_per_message("GetVariables").variable_json() == {"name": "ItemsPerMessage", "instance": "GetVariables"}


def test_what_is_kept_of_characteristics_is_what_the_standard_names():
    """A station could fill the database with customData, of which a message may have megabytes."""
    entry = {
        "component": {"name": "C"},
        "variable": {"name": "V"},
        "variableAttribute": [{"value": "1"}],
        "variableCharacteristics": {
            "dataType": "string",
            "supportsMonitoring": True,
            "valuesList": "a,b",
            "customData": {"vendorId": "V", "more": "x" * 100_000},
        },
    }
    (found,) = reported_attributes([entry])
    assert found.characteristics == {"dataType": "string", "supportsMonitoring": True, "valuesList": "a,b"}
