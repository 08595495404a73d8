"""Values of secret variables that NotifyEvent had brought into device models go."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

SECRET = ("apnpassword", "apnsimpin", "authorizationkey", "basicauthpassword", "sharedsecret", "vpnkey", "vpnpassword")


def upgrade() -> None:
    table = sa.table("variables", sa.column("component_name"), sa.column("variable_name"), sa.column("value"))
    variable = sa.func.lower(sa.func.trim(table.c.variable_name))
    component = sa.func.lower(sa.func.trim(table.c.component_name))
    is_secret = variable.in_(SECRET) | ((variable == "token") & (component == "tokenreader"))
    op.execute(table.update().where(is_secret, table.c.value.is_not(None)).values(value=None))


def downgrade() -> None:
    """What is gone is gone."""
