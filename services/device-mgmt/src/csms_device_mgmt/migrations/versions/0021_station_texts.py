"""What stations are searched by, in lower case and apart from their wide rows; kept by triggers, whoever writes."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

COLUMNS = ("station_id", "vendor_name", "model", "boot_serial_number", "serial_number")


def text_of(row: str) -> str:
    """SQL of the text that a row of `stations` is searched by; no text of it goes over the end of a line."""
    parts = (f"coalesce({row}{name}, '')" for name in COLUMNS)
    return "lower(" + " || '\n' || ".join(parts) + ")"


def upgrade() -> None:
    op.create_table(
        "station_texts",
        sa.Column("station_id", sa.String(48), primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.execute(f"INSERT INTO station_texts (station_id, text) SELECT station_id, {text_of('')} FROM stations")  # noqa: S608 no input
    for statement in POSTGRESQL if op.get_context().dialect.name == "postgresql" else SQLITE:
        op.execute(sa.text(statement))


CHANGED = " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in COLUMNS)
WRITE = f"""
    INSERT INTO station_texts (station_id, text) VALUES (NEW.station_id, {text_of("NEW.")})
    ON CONFLICT (station_id) DO UPDATE SET text = excluded.text;
"""  # noqa: S608 no input
POSTGRESQL = (
    f"""
    CREATE FUNCTION keep_station_text() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' THEN
            DELETE FROM station_texts WHERE station_id = OLD.station_id;
        ELSE
            {WRITE}
        END IF;
        RETURN NULL;
    END $$
    """,  # noqa: S608 no input
    """
    CREATE TRIGGER station_text_added AFTER INSERT OR DELETE ON stations
    FOR EACH ROW EXECUTE FUNCTION keep_station_text()
    """,
    f"""
    CREATE TRIGGER station_text_changed AFTER UPDATE ON stations
    FOR EACH ROW WHEN ({CHANGED}) EXECUTE FUNCTION keep_station_text()
    """,
)
SQLITE = (
    f"CREATE TRIGGER station_text_added AFTER INSERT ON stations BEGIN {WRITE} END",
    """
    CREATE TRIGGER station_text_removed AFTER DELETE ON stations
    BEGIN DELETE FROM station_texts WHERE station_id = OLD.station_id; END
    """,
    f"""
    CREATE TRIGGER station_text_changed AFTER UPDATE OF {", ".join(COLUMNS)} ON stations
    WHEN {CHANGED.replace("IS DISTINCT FROM", "IS NOT")} BEGIN {WRITE} END
    """,
)
