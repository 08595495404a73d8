"""Who charges in a drill: drivers of several groups, some of whom have their sessions stopped by somebody else."""

from collections.abc import Sequence
from dataclasses import dataclass

from csms_testing.drills.api import Api
from csms_testing.drills.ledger import Token
from csms_testing.simulator.frames import Json

_TYPE = "ISO14443"
_DRIVERS, _GROUPS = 6, 2


@dataclass(frozen=True, slots=True)
class Drivers:
    """The tokens of a drill, all accepted."""

    groups: dict[Token, Token | None]
    """Token → its group; None: it has none."""
    tokens: Sequence[Json]
    keeper: Json
    """What attendants stop sessions of others with; of a group of its own."""

    def of(self, number: int) -> Json:
        """The token of a station's driver."""
        return self.tokens[number % len(self.tokens)]


async def register(api: Api, run: str) -> Drivers:
    """Create the tokens. Raises httpx2.HTTPError."""
    groups: dict[Token, Token | None] = {}
    for number in range(_DRIVERS):
        # Every third driver belongs to no group.
        group = None if number % 3 == 2 else f"GROUP{run}-{number % _GROUPS}"  # noqa: PLR2004
        groups[f"DRILL{run}-{number}", _TYPE] = None if group is None else (group, "Central")
    keeper = f"KEEPER{run}"
    groups[keeper, _TYPE] = (f"KEEPERS{run}", "Central")
    for (name, kind), group_token in groups.items():
        body = {"status": "Accepted", "group_id": None if group_token is None else group_token[0]}
        await api.put(f"/id-tokens/{kind}/{name}", body)
    tokens = [_id_token(name) for name, _ in groups if name != keeper]
    return Drivers(groups, tokens, _id_token(keeper))


def _id_token(name: str) -> Json:
    return {"idToken": name, "type": _TYPE}
