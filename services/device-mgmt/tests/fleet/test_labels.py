from csms_device_mgmt.fleet.labels import OTHER, UNKNOWN, Stations, counts_of, label, named, rows_of

V201, NONE = "ocpp2.0.1", "none"


def test_names_are_bounded_and_the_most_frequent_ones_stay() -> None:
    """Each station of somebody who makes names up may tell another one."""
    counted = {(f"made up {number}", "x", V201): Stations(1, 1) for number in range(1000)}
    counted["Vendor", "A", V201] = Stations(5, 3)
    counted["Vendor", "A", NONE] = Stations(2, 0)
    counted["Vendor", "B", V201] = Stations(4, 4)
    found = named(counted, most=2)
    assert found == {
        ("Vendor", "A", V201): Stations(5, 3),
        ("Vendor", "A", NONE): Stations(2, 0),
        ("Vendor", "B", V201): Stations(4, 4),
        (OTHER, OTHER, V201): Stations(1000, 1000),
    }


def test_what_is_other_already_stays_so() -> None:
    once = named({("A", "a", V201): Stations(1, 1), ("B", "b", V201): Stations(2, 0)}, most=1)
    again = named({**once, ("C", "c", V201): Stations(3, 3)}, most=1)
    assert again == {("C", "c", V201): Stations(3, 3), (OTHER, OTHER, V201): Stations(3, 1)}


def test_of_equals_the_first_of_the_alphabet_has_a_name() -> None:
    counted = {(name, "m", V201): Stations(1, 0) for name in ("C", "A", "B")}
    assert set(named(counted, most=1)) == {("A", "m", V201), (OTHER, OTHER, V201)}


def test_labels_are_short_and_never_empty() -> None:
    assert label(None) == label("") == label(" \n ") == UNKNOWN
    assert label(" a\n b ") == "a b"
    assert len(label("x" * 500)) == 50


def test_counts_are_kept_as_json() -> None:
    counted = {("Vendor", "A", V201): Stations(5, 3), (OTHER, OTHER, NONE): Stations(1, 0)}
    assert counts_of(rows_of(counted)) == counted
