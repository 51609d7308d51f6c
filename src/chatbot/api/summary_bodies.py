"""What routes read and write of summaries as JSON."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from chatbot.domain.history import SUMMARY_CHARS, PathSummary
from chatbot.domain.schemas import TEXT_RULES

SummaryText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=SUMMARY_CHARS),
    *TEXT_RULES,
]


class SummaryTold(BaseModel):
    """A summary of a room's path up to a turn; ``edited``: a user wrote it."""

    turn: UUID
    index: int
    text: str
    edited: bool
    created_at: str

    @classmethod
    def of(cls, summary: PathSummary, index: int) -> Self:
        """The body of a summary whose turn has this index."""
        return cls(
            turn=summary.turn,
            index=index,
            text=summary.text,
            edited=summary.edited,
            created_at=summary.created_at.isoformat(),
        )


class SummaryPatch(BaseModel):
    """What a summary is to tell."""

    model_config = ConfigDict(
        extra="ignore", json_schema_extra={"examples": [{"text": "민수는 5월에 부산으로 가기로 했다."}]}
    )

    text: SummaryText = Field(description="1 to 4,000 characters.")
