"""Every sentence that the API says, Korean first; the language follows Accept-Language."""

from collections.abc import Mapping
from typing import Any

from chatbot.domain.language import Language

STATUS: Mapping[int, tuple[str, str]] = {
    400: ("요청 본문이 올바른 JSON이 아닙니다.", "The body is not valid JSON."),
    401: ("API 키가 없거나 올바르지 않습니다.", "The API key is missing or wrong."),
    403: ("이 API 키로는 그 user_id를 쓸 수 없습니다.", "This API key does not own that user_id."),
    404: ("찾을 수 없습니다.", "Not found."),
    405: ("이 주소에서는 쓸 수 없는 메서드입니다.", "Method not allowed here."),
    408: ("요청 본문이 제때 오지 않았습니다.", "The body did not arrive in time."),
    415: ("요청 본문은 application/json이어야 합니다.", "The body must be application/json."),
    431: ("요청 머리글이 너무 깁니다.", "The request head is too long."),
    500: ("서버 오류입니다. 요청 번호와 함께 알려 주세요.", "Server error. Please report the request id."),
    502: ("외부 모델 서비스가 답하지 못했습니다.", "The external model service failed."),
    503: (
        "지금은 답할 수 없습니다. 잠시 뒤에 다시 시도해 주세요.",
        "Not available now. Please try again shortly.",
    ),
    504: ("제한 시간 안에 답을 마치지 못했습니다.", "The answer was not finished in time."),
}

BODY_TOO_LARGE = ("요청 본문이 {kib} KiB를 넘습니다.", "The body is larger than {kib} KiB.")
MALFORMED_HTTP = ("올바른 HTTP 요청이 아닙니다.", "This is no valid HTTP request.")
JSON_FAULT: Mapping[str, tuple[str, str]] = {
    "utf8": ("UTF-8이 아닙니다", "it is not UTF-8"),
    "constant": ("NaN과 Infinity는 쓸 수 없습니다", "NaN and Infinity are not JSON"),
    "number": ("숫자가 너무 큽니다", "a number is beyond a double"),
    "depth": ("{limit}단계보다 깊게 겹쳤습니다", "it is nested deeper than {limit}"),
    "size": ("객체와 배열이 {most}개를 넘습니다", "it has more than {most} objects and arrays"),
    "doubled": ("한 객체에 같은 이름이 두 번 나옵니다", "an object has a name twice"),
    "syntax": ("{position}번째 글자에서 읽기를 멈췄습니다", "reading stopped at character {position}"),
}
LOADING = (
    "모델을 불러오는 중입니다. 잠시 뒤에 다시 시도해 주세요.",
    "The model is loading. Please try again shortly.",
)
DRAINING = (
    "서버가 곧 다시 시작합니다. 잠시 뒤에 다시 시도해 주세요.",
    "The server is about to restart. Please try again shortly.",
)
NOT_CONFIGURED = ("이 모델은 설정되어 있지 않습니다.", "This model is not configured.")
OVERLOADED = (
    "지금은 대기열이 가득 찼습니다. {retry_after}초 뒤에 다시 시도해 주세요.",
    "The queue is full. Please try again in {retry_after} seconds.",
)
UNKNOWN_MODEL = ("알 수 없는 모델입니다. 쓸 수 있는 모델: {known}", "Unknown model. Known models: {known}")
TOO_MANY_ANSWERS = (
    "한 번에 답을 {limit}개까지 받을 수 있습니다.",
    "You may have up to {limit} answers at once.",
)
UNKNOWN_TOKEN = (
    "logit_bias에 모델에 없는 토큰이 있습니다. 마지막 토큰 번호: {last}",
    "logit_bias names a token that the model does not have; its last one is {last}.",
)
UNUSABLE_FORM = (
    "답을 이 형식에 맞출 수 없습니다: {reason}",
    "No answer can be held to this form: {reason}",
)
BAD_QUESTION = ("이대로는 답할 수 없는 요청입니다.", "The request cannot be answered as it stands.")
TOO_LONG = (
    "프롬프트가 너무 깁니다: 약 {needed}토큰이 필요하지만 {limit}토큰까지 들어갑니다.",
    "The prompt is too long: it needs about {needed} tokens and {limit} fit.",
)
ROOM_NOT_FOUND = ("그런 방이 없습니다.", "There is no such room.")
CANNOT_CONTINUE = (
    "이 모델은 끝난 답변을 이어 쓸 수 없습니다.",
    "This model cannot go on behind an answer that has ended.",
)
TURN_NOT_FOUND = ("그 대화방에 그런 차례가 없습니다.", "There is no such turn in this room.")
SUMMARY_NOT_FOUND = ("그 차례까지의 요약이 없습니다.", "There is no summary up to this turn.")
ROOM_GOES_ON = (
    "이 대화는 여기에서 이미 이어졌습니다. 가져온 것과 섞을 수 없습니다.",
    "This room goes on here already; what is imported cannot be mixed with it.",
)
ANSWER_NOT_FOUND = (
    "이어 받을 답변이 없습니다. 저장된 답변은 대화방에 있습니다.",
    "There is no such answer to go on with; the room has what was stored.",
)
CHARACTER_NOT_FOUND = (
    "그런 캐릭터나 그림이 없습니다.",
    "There is no such character, or it has no picture.",
)
CHARACTER_CHANGED = (
    "그사이 다른 곳에서 이 캐릭터를 고쳤습니다.",
    "This character was changed elsewhere meanwhile.",
)
TOO_MANY_CHARACTERS = (
    "캐릭터는 {limit}개까지 둘 수 있습니다.",
    "You may keep up to {limit} characters.",
)
NOT_A_CARD = (
    "캐릭터 카드로 읽을 수 없는 파일입니다 ({reason}).",
    "The file cannot be read as a character card ({reason}).",
)
AVATAR_FAULT: Mapping[str, tuple[str, str]] = {
    "png": ("온전한 PNG 그림이 아닙니다.", "This is no whole PNG picture."),
    "side": (
        "그림의 가로와 세로는 2,048픽셀까지입니다.",
        "A picture may have up to 2,048 pixels a side.",
    ),
    "size": ("그림이 1 MiB를 넘습니다.", "The picture is larger than 1 MiB."),
}
HISTORY_AWAY = ("대화 기록 저장소에 지금 연결할 수 없습니다.", "The history database cannot be reached now.")

_FIELD: Mapping[str, tuple[str, str]] = {
    "missing": ("필수 항목입니다.", "Field required"),
    "string_type": ("문자열이어야 합니다.", "Input should be a valid string"),
    "record_time": ("시간대가 붙은 날짜와 시각이어야 합니다.", "Should be a date and a time with its zone"),
    "string_unicode": ("올바른 유니코드 문자열이 아닙니다.", "Input should be valid Unicode text"),
    "string_nul": ("NUL 문자를 담을 수 없습니다.", "String should not contain NUL"),
    "string_too_short": (
        "{min_length}자 이상이어야 합니다.",
        "String should have at least {min_length} character(s)",
    ),
    "string_too_long": (
        "{max_length}자를 넘을 수 없습니다.",
        "String should have at most {max_length} character(s)",
    ),
    "string_pattern_mismatch": (
        "쓸 수 없는 문자가 있습니다.",
        "String holds characters that are not allowed",
    ),
    "bool_type": ("true 또는 false여야 합니다.", "Input should be a valid boolean"),
    "uuid_parsing": ("하이픈이 있는 UUID여야 합니다.", "Input should be a UUID with hyphens"),
    "doubled": ("한 번만 보낼 수 있습니다.", "Should be given once"),
    "uuid_type": ("UUID 문자열이어야 합니다.", "Input should be a UUID"),
    "room_without_user": ("db_id에는 user_id가 함께 있어야 합니다.", "db_id needs a user_id"),
    "turn_without_room": ("차례를 가리키려면 db_id가 있어야 합니다.", "Naming a turn needs a db_id"),
    "turns_doubled": (
        "after, regenerate, edit, continue 가운데 하나만 쓸 수 있습니다.",
        "Only one of after, regenerate, edit and continue can be given",
    ),
    "question_given": (
        "regenerate와 continue는 저장된 질문을 쓰므로 input_data를 받지 않습니다.",
        "regenerate and continue take the stored question, so no input_data",
    ),
    "character_doubled": (
        "character_id와 캐릭터를 설명하는 항목은 함께 쓸 수 없습니다.",
        "Give character_id, or the fields that describe a character, and not both",
    ),
    "character_without_user": (
        "character_id에는 user_id가 함께 있어야 합니다.",
        "character_id needs a user_id",
    ),
    "character_needs_user": (
        "character_id에는 user가 함께 있어야 합니다.",
        "character_id needs a user",
    ),
    "nothing_to_change": (
        "title, pinned, leaf, facts 가운데 하나는 있어야 합니다.",
        "One of title, pinned, leaf and facts must be given",
    ),
    "facts_too_long": ("모두 합해 {most}자까지입니다.", "Should have at most {most} characters together"),
    "lorebook_keys": ("로어북의 키는 2,000개까지입니다.", "A lorebook has at most 2,000 keys"),
    "lorebook_expressions": (
        "정규식 키는 20개까지입니다.",
        "At most 20 keys of a lorebook are regular expressions",
    ),
    "character_size": ("캐릭터는 512 KiB까지입니다.", "A character has at most 512 KiB"),
    "model_type": ("JSON 객체여야 합니다.", "Input should be a JSON object"),
    "model_attributes_type": ("JSON 객체여야 합니다.", "Input should be a JSON object"),
    "int_parsing": ("정수여야 합니다.", "Input should be a valid integer"),
    "int_type": ("정수여야 합니다.", "Input should be a valid integer"),
    "float_type": ("숫자여야 합니다.", "Input should be a valid number"),
    "list_type": ("배열이어야 합니다.", "Input should be a JSON array"),
    "dict_type": ("JSON 객체여야 합니다.", "Input should be a JSON object"),
    "needs_logprobs": ("logprobs: true와 함께 써야 합니다.", "Should come with logprobs: true"),
    "asked_with": (
        "요청의 필드와 그 값이어야 합니다.",
        "Should be fields of a request and their values",
    ),
    "token_id": ("이름은 토큰 번호여야 합니다.", "Each name should be the id of a token"),
    "too_short": ("{min_length}개 이상이어야 합니다.", "Should have at least {min_length} item(s)"),
    "too_long": ("{max_length}개를 넘을 수 없습니다.", "Should have at most {max_length} item(s)"),
    "literal_error": ("쓸 수 있는 값: {expected}", "Should be one of: {expected}"),
    "token_limit": (
        "1 이상이거나, 제한이 없으면 -1이어야 합니다.",
        "Input should be at least 1, or -1 for no limit",
    ),
    "content_part": (
        "글 부분은 type과 text가 있는 객체여야 합니다.",
        "A part of a content should be an object with type and text",
    ),
    "further_errors": ("잘못된 항목이 {more}개 더 있습니다.", "Further errors: {more}"),
    "event_id": ("이 답의 이벤트 번호가 아닙니다.", "This is the id of no event of the answer"),
    "missing_role": ("메시지에는 role이 있어야 합니다.", "A message should have a role"),
    "no_schema": ("JSON 스키마여야 합니다.", "Should be a JSON schema"),
    "missing_schema": (
        "json_schema에는 schema가 있어야 합니다.",
        "A json_schema should come with its schema",
    ),
    "no_tool": (
        "호출할 도구가 tools에 없습니다.",
        "The tool to call is none of the tools",
    ),
    "not_text": ("이 모델은 글만 읽습니다.", "This model reads text only"),
    "greater_than_equal": ("{ge} 이상이어야 합니다.", "Input should be at least {ge}"),
    "less_than_equal": ("{le} 이하여야 합니다.", "Input should be at most {le}"),
}
_FIELD_DEFAULT = ("올바르지 않은 값입니다.", "Invalid value")


def language_of_header(accept_language: str, usual: Language = "ko") -> Language:
    """The language to answer in (RFC 9110 §12.5.4): ``usual`` where neither is preferred over the other."""
    weights = {"ko": 0.0, "en": 0.0}
    for item in accept_language.split(","):
        tag, _, parameters = item.partition(";")
        name, _, value = parameters.strip().partition("=")
        primary = tag.strip().lower().partition("-")[0]
        if primary in weights:
            try:
                weight = float(value) if name == "q" else 1.0
            except ValueError:
                weight = 0.0
            weights[primary] = max(weights[primary], weight)
    if weights["en"] == weights["ko"]:
        return usual
    return "en" if weights["en"] > weights["ko"] else "ko"


def pick(pair: tuple[str, str], language: Language, **values: object) -> str:
    """One of a Korean/English pair, filled in."""
    return pair[0 if language == "ko" else 1].format(**values)


def filled(pair: tuple[str, str], **values: object) -> tuple[str, str]:
    """A Korean/English pair, filled in."""
    return pick(pair, "ko", **values), pick(pair, "en", **values)


def field_message(kind: str, context: Mapping[str, Any], language: Language) -> str:
    """The sentence for a validation error's type; the context never holds the input."""
    try:
        return pick(_FIELD.get(kind, _FIELD_DEFAULT), language, **context)
    except KeyError:
        return pick(_FIELD_DEFAULT, language)
