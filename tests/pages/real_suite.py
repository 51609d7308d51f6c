"""The suite's own HTTP side behind the page: gateway, routes, streams, rooms; only the model plays."""

from tests.support.fakes import FakeModel, FixedSearch, service_state
from tests.support.memory_history import MemoryHistory

from chatbot.api.app import create_app
from chatbot.domain.messages import Token, Waiting
from chatbot.domain.search import SearchHit, SearchOutcome, SearchResult
from chatbot.domain.service_names import ServiceName
from chatbot.server.gateway import Gateway


class RealSuite:
    """Both services behind the gateway, with a visitor in front."""

    def __init__(self) -> None:
        found = SearchResult(
            SearchOutcome.OK, "fixed", (SearchHit("국어원", "https://www.korean.go.kr/", "표준어"),)
        )
        self.history = MemoryHistory()
        self.office = FakeModel(Waiting(2, 3.0), 0.3, Token("안녕"), Token("하세요 [1]"))
        self.character = FakeModel(Token("*웃는다.* 네"))
        self.app = Gateway(
            {
                "office": create_app(
                    service_state(model=self.office, history=self.history, search=FixedSearch(found))
                ),
                "character": create_app(
                    service_state(ServiceName("character"), self.character, history=self.history)
                ),
            }
        )
