"""Who sends reports, and to whom: for trying it out, or in earnest, which never mix.

Where reports are tried out, case ids say so, and so does every message id made of them: what was tried out is no report
to anybody else, and none of it is taken for one that was sent in earnest.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.report import case_id, is_case_id

_TRIED = "TEST"


@dataclass(frozen=True, slots=True)
class Ends:
    """Sender and receiver.

    Attributes:
        country: of the sender, two capitals.
        organisation: the sender as case ids name it, capitals and digits.
        name: the sender's own name.
        kind: of sender, by ICH's list (C.3.1): 3 for a health professional, 6 for others, as a register is.
        sender: what the agency calls the sender (N.1.3).
        receiver: what the agency is called (N.1.4).
        production: whether it is in earnest.

    Raises:
        ValueError: country and organisation make no case id, or an identifier is missing.
    """

    country: str
    organisation: str
    name: str
    kind: str
    sender: str
    receiver: str
    production: bool = False

    def __post_init__(self) -> None:
        case_id(self.country, self.organisation, "1")
        if self.production and self.organisation.endswith(_TRIED):
            raise ValueError(f"an organisation that ends with {_TRIED} only tries reports out")
        if not (self.name and self.sender and self.receiver):
            raise ValueError("sender and receiver have a name and an identifier each")

    def case(self, number: str) -> str:
        """The id of the case with a number of ours."""
        return f"{self._prefix}{number}"

    def is_ours(self, case: str) -> bool:
        """Whether a case is of these ends."""
        return is_case_id(case) and case.startswith(self._prefix)

    @property
    def _prefix(self) -> str:
        own = self.organisation if self.production or self.organisation.endswith(_TRIED) else self.organisation + _TRIED
        return f"{self.country}-{own}-"
