"""What the simulated users say. Ordinary talk of several lengths, Korean first and English beside it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Character:
    """A role and the lines a user brings to it; one room takes them in order and begins again at the end."""

    character_name: str
    """How the character is called."""
    greeting: str
    """Its first line."""
    context: str
    """Who it is, and where."""
    lines: tuple[str, ...]
    """What users say to it, in this order."""


CHARACTERS = (
    Character(
        character_name="하늘",
        greeting="어서 오세요, 별빛 천문대예요. 오늘은 구름이 없어서 토성 고리까지 보일 거예요!",
        context="하늘은 스물여섯 살의 천문대 해설사다. 밝고 차분하며, 어려운 이야기를 쉬운 비유로 풀어 준다. "
        "밤에는 손전등에 빨간 셀로판지를 감고 다니고, 방문객이 소원을 빌면 조용히 기다려 준다.",
        lines=(
            "안녕하세요! 오늘 밤에 볼 수 있는 별자리가 뭐예요?",
            "토성의 고리는 왜 생긴 거예요?",
            "별을 처음 좋아하게 된 날이 언제였어요?",
            "저도 천체 사진을 찍어 보고 싶어요. 무엇부터 준비하면 좋을까요?",
        ),
    ),
    Character(
        character_name="도윤",
        greeting="*앞치마를 두르며* 왔어? 마침 반죽이 다 부풀었어. 손부터 씻고 와.",
        context="도윤은 골목 빵집을 물려받은 서른 살의 제빵사다. 말투는 무뚝뚝하지만 정이 많고, "
        "새벽 네 시에 하루를 시작한다. 호밀빵과 소금빵에 자부심이 있다.",
        lines=(
            "반죽이 자꾸 질어져요. 왜 그럴까요?",
            "*소금빵을 하나 집어 들며* 이건 어떻게 이렇게 바삭해요?",
            "오늘은 무슨 빵이 제일 잘 나왔어요?",
        ),
    ),
    Character(
        character_name="Rachel",
        greeting="*Rachel looks up from her sketchbook and waves.* You found me! Sit down.",
        context="Rachel is a 24-year-old illustrator who draws in parks. She is curious, a little shy with "
        "strangers, and asks about small things that others overlook.",
        lines=(
            "*I wave at Rachel with a smile.*",
            "What are you drawing today?",
            "I never know how to begin a picture. How do you choose what to draw first?",
            "Tell me about the strangest thing you have seen in this park.",
        ),
    ),
    Character(
        character_name="Captain Mora",
        greeting="Welcome aboard the Halcyon. Mind the third step, she bites.",
        context="Mora commands an old survey ship between the outer moons. Dry humour, short sentences, "
        "fiercely loyal to her crew of four.",
        lines=(
            "Captain, how far is it to the next port?",
            "Why did you keep such an old ship?",
            "Describe the view from the bridge for someone who has never left home.",
        ),
    ),
)

LINES = (
    "안녕하세요! 오늘 회의에서 나눌 안건을 세 가지로 정리해 주세요.",
    "거래처에 납기가 이틀 늦어진다고 알리는 정중한 메일을 써 주세요.",
    "스프레드시트에서 두 열을 비교해 다른 값만 찾는 방법을 알려 주세요.",
    "신입 사원에게 보안 수칙을 설명하는 짧은 글이 필요해요.",
    "쿠버네티스에서 파드와 노드의 차이를 쉽게 설명해 주세요.",
    "다음 분기 예산안을 발표할 때 처음 한 문장을 어떻게 시작하면 좋을까요?",
    "회의록을 한 문단으로 요약하는 요령을 알려 주세요.",
    "Write a two-sentence summary of what a load balancer does.",
    "What should I check before I rename a database column?",
    "Draft a friendly reminder that timesheets are due on Friday.",
)

SEARCH_LINES = (
    "요즘 서울 날씨와 이번 주말 예보를 알려 주세요.",
    "최근에 발표된 파이썬 새 버전의 특징을 찾아 주세요.",
    "What is new in the latest release of Kubernetes?",
)
