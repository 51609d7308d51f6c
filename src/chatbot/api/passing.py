"""What a balancer and a service's process say to each other about a question, in headers."""

from starlette.datastructures import Headers

from chatbot.domain.models import Admission

ADMISSION_HEADER = "X-Admission"
"""Of a request: what it wants of a process that cannot begin it at once."""

ELSEWHERE_HEADER = "X-Ask-Elsewhere"
"""The mark of an answer: the question was not begun here and may be asked of another process."""

AFFINITY_HEADER = "X-Affinity"
"""Of a client's request: whose it is. Requests that say the same go to the same process, which knows them."""


def admission(headers: Headers) -> Admission:
    """What a request wants; HERE where it says nothing that is known."""
    said = headers.get(ADMISSION_HEADER, "")
    return Admission(said) if said in set(Admission) else Admission.HERE
