"""What both sides are asked in a comparison: prompts as text, equal for ours and for the peer."""

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Texts:
    """A persona of about 99 tokens and a question of about 25 in one vocabulary."""

    persona: str
    question: str
    user: str
    answer: str


KOREAN = Texts(
    persona=(
        "당신은 회사의 업무를 돕는 AI 비서입니다. 한국어 존댓말로 짧고 정확하게 답합니다. "
        "사용자가 다른 언어를 쓰거나 부탁하면 그 언어로 답합니다. 코드와 고유한 이름은 원문 그대로 씁니다. "
        "모르는 것은 모른다고 말하고 지어내지 않습니다. 누가 물으면 AI라고 밝힙니다."
    ),
    question="{topic}에 관해 {number}번째로 묻습니다. 무엇부터 해야 하나요?",
    user="사용자",
    answer="비서",
)
BYTES = Texts(
    persona="You help at work. Answer briefly and exactly, say what you do not know, and that you are an AI.",
    question="No. {number}: {topic}, how?",
    user="U",
    answer="A",
)
"""For a vocabulary whose only words are bytes."""

TOPICS = (
    *("회의", "보고서", "휴가", "출장", "급여", "교육", "평가", "예산", "계약", "인사"),
    *("홍보", "영업", "구매", "재고", "배송", "품질", "안전", "고객", "협력", "일정"),
)


@dataclass(frozen=True)
class Ask:
    """One request: whose it is, the whole prompt, and how many tokens to produce."""

    user: str
    prompt: str
    tokens: int = 48


Script = list[list[Ask]]
"""For each user the questions asked one after another."""


class Workloads:
    """The scripts of ``users`` users in the words of ``texts``.

    ``number`` sets questions apart and ``scene`` personas, so that a first pass is the first for either side.
    """

    def __init__(self, texts: Texts, users: int) -> None:
        self._texts = texts
        self._users = users

    def warm_up(self) -> Script:
        """What no other script begins with: buffers, threads, the first pages of the file."""
        return [[Ask(f"user{user}", f"{user + 1} + {user + 2} =", 8)] for user in range(self._users)]

    def one_persona(self, scene: int, number: int) -> Script:
        """Every user asks something else of one persona."""
        return [[self._ask(user, f"{scene}. ", number)] for user in range(self._users)]

    def many_characters(self, scene: int, number: int) -> Script:
        """Every user speaks with a character of his own, described in the first words."""
        return [[self._ask(user, f"{user}-{scene}. {_topic(user)}. ", number)] for user in range(self._users)]

    def closed_loop(self, scene: int, number: int) -> Script:
        """Every user asks twice, the second time when the first is answered; answers of 16 to 128 tokens."""
        source = random.Random(number)
        return [
            [self._ask(user, f"{scene}. ", number + 7 * turn, source.randint(16, 128)) for turn in range(2)]
            for user in range(self._users)
        ]

    def alone(self, scene: int, number: int) -> Script:
        """One user with one long answer."""
        return [[self._ask(0, f"{scene}. ", number, 96)]]

    def _ask(self, user: int, opening: str, number: int, length: int = 48) -> Ask:
        texts = self._texts
        question = texts.question.format(topic=_topic(user), number=number + user)
        prompt = f"{opening}{texts.persona}\n\n{texts.user}: {question}\n{texts.answer}:"
        return Ask(f"user{user}", prompt, length)


def _topic(user: int) -> str:
    return TOPICS[user % len(TOPICS)]
