"""What both sides are asked in a comparison: prompts as text, equal for ours and for the peer."""

import random
from dataclasses import dataclass

PERSONA = (
    "당신은 회사의 업무를 돕는 AI 비서입니다. 한국어 존댓말로 짧고 정확하게 답합니다. "
    "사용자가 다른 언어를 쓰거나 부탁하면 그 언어로 답합니다. 코드와 고유한 이름은 원문 그대로 씁니다. "
    "모르는 것은 모른다고 말하고 지어내지 않습니다. 누가 물으면 AI라고 밝힙니다."
)
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


def one_persona(users: int, question: int) -> list[Ask]:
    """Every user asks something else of one persona; ``question`` varies what is asked."""
    return [
        Ask(
            f"user{n}",
            f"{PERSONA}\n\n사용자: {TOPICS[n % len(TOPICS)]}에 관해 {question + n}번째로 묻습니다.\n비서:",
        )
        for n in range(users)
    ]


def many_characters(users: int, question: int) -> list[Ask]:
    """Every user speaks with a character of his own."""
    return [
        Ask(
            f"user{n}",
            f"{n}번 인물 {TOPICS[-1 - n]}. {PERSONA}\n\n사용자: {question}번째 질문입니다.\n{n}번:",
        )
        for n in range(users)
    ]


def mixed_lengths(users: int, seed: int) -> list[Ask]:
    """Answers of 16 to 160 tokens, as real ones differ."""
    source = random.Random(seed)
    return [Ask(ask.user, ask.prompt, source.randint(16, 160)) for ask in one_persona(users, seed)]


def alone(question: int) -> list[Ask]:
    """One user with one long answer."""
    return [Ask("user0", one_persona(1, question)[0].prompt, 96)]
