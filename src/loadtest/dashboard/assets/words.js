// Everything the page says, Korean first.

const WORDS = {
  ko: {
    title: "부하 시험 결과", open: "CSV 열기", compareWith: "비교할 CSV 열기", dropHere: "CSV 파일을 여기에 놓거나 골라 주세요",
    dropHint: "results.csv, 예전 형식의 CSV, 두 파일을 함께 놓으면 비교합니다. 파일은 이 컴퓨터를 떠나지 않습니다.",
    runs: "실행 목록", theme: "밝게/어둡게", language: "English", loading: "읽는 중…", skip: "본문으로 건너뛰기",
    notCsv: "부하 시험 CSV가 아닙니다. 빠진 열:", cannotOpen: "열 수 없습니다:", unfinished: "끝나지 않은 실행: manifest.json이 없습니다",
    passed: "통과", missed: "목표 미달", invalid: "무효: 스스로를 증명하지 못한 실행", unreachable: "대상에 연결할 수 없음",
    noVerdict: "판정 없음: CSV만 열었습니다", disagree: "이 페이지가 센 행 수가 manifest와 다릅니다",
    badRows: "읽을 수 없는 행", missingColumns: "없는 열", shape_office: "예전 형식 (업무용 10열): 시각은 끝난 때, 재시도 없음",
    shape_character: "예전 형식 (17열): 시각은 끝난 때", questions: "질문", attempts: "시도", successRate: "성공률", mean: "평균 응답",
    longest: "최대 응답", throughput: "시간당 응답", refusedAttempts: "429 거절", peak: "최대 동시 요청", perSecond: "초당 응답",
    answered: "응답", refused: "429 거절", failed: "실패", open_: "미결", seconds: "초", interval: "95 % 구간", n: "n",
    tooFew: "초 단위. 백분위는 실제로 잰 값이며, 자료가 n 이상일 때만 보입니다.", times: "응답 시간", time_attempt: "시도 (응답 받은 것)", time_perceived: "체감 (대기 포함)",
    time_server: "서버", time_overhead: "대기열 밖 (시도 − 서버)", time_refusal: "429 거절", time_first_token: "첫 글자까지 (스트림)",
    time_lateness: "예정보다 늦은 출발", average: "평균", maximum: "최대", histogram: "체감 응답 시간 분포", logScale: "로그 눈금",
    ecdf: "누적 분포", share: "비율", percentile: "백분위", timeline: "시간에 따른 시도", medianTime: "중앙값 응답", count: "수",
    elapsed: "경과 (초)", pie: "질문의 결과", users: "동시 요청에 따른 성능", level: "동시 요청", knee: "포화점",
    kneeAt: "포화점: 동시 요청 {level}에서 초당 {rate}", kneeNot: "포화점에 이르지 않음: {level}까지 계속 늘어남", kneeNone: "포화점을 말하기에 자료 부족",
    flight: "진행 중인 요청과 기다리는 사용자", inFlight: "진행 중", backOff: "429 뒤 대기", funnel: "질문은 어떻게 끝났나", firstTry: "첫 시도에 응답",
    afterRetries: "재시도 {k}번 뒤 응답", exhausted: "429로 포기", otherFailure: "다른 실패", promises: "Retry-After는 참이었나",
    promised: "약속 (429 뒤 다시 온 것)", honoured: "사용자가 지킨 대기", kept: "다음 시도가 받아들여짐", promiseError: "약속한 시간과의 차이 (중앙값)",
    reasons: "실패 이유", reason: "이유", statuses: "상태 코드", status: "상태", endpoints: "경로별", endpoint: "경로", characters: "캐릭터별",
    character: "캐릭터", failures: "실패한 시도 (처음 100개)", when: "시각 (UTC)", user: "사용자", error: "오류", goals: "목표와 증거",
    goal: "목표", state: "상태", value: "값", checks: "유효성 검사", check: "검사", detail: "근거", phases: "단계", phase: "단계", load: "부하 (사용자 또는 초당 도착)", serverErrors: "5xx", identity: "이 실행",
    compare: "두 실행 비교", measure: "값", earlier: "이전", later: "이후", change: "차이", same: "구별되는 변화 없음", changed: "변화 있음",
    noInterval: "구간 없음", success: "성공률 (%)", compare_mean: "체감 평균 (초)", compare_p50: "체감 중앙값 (초)", asTable: "표로 보기",
    from: "부터", to: "미만", bucket: "구간 시작 (초)", none: "없음", met: "달성", undecidable: "판단 불가", ok: "정상", not_provable: "증명 불가",
    good: "{s}초 안에 응답", proven: "증명됨", notProven: "구간이 경계를 넘음", chartOf: "그래프",
  },
  en: {
    title: "Load test results", open: "Open CSV", compareWith: "Open CSV to compare", dropHere: "Drop a CSV file here, or choose one",
    dropHint: "results.csv or an older shape; drop two files to compare them. Files never leave this computer.",
    runs: "Runs", theme: "Light/dark", language: "한국어", loading: "Reading…", skip: "Skip to the content",
    notCsv: "Not a load-test CSV. Missing columns:", cannotOpen: "Cannot open:", unfinished: "Unfinished run: there is no manifest.json",
    passed: "Passed", missed: "Goal missed", invalid: "Invalid: this run could not prove itself", unreachable: "Target unreachable",
    noVerdict: "No verdict: only a CSV was opened", disagree: "This page counts other rows than the manifest",
    badRows: "unreadable rows", missingColumns: "columns absent", shape_office: "Older shape (office, 10 columns): stamps mark the end, no retries",
    shape_character: "Older shape (17 columns): stamps mark the end", questions: "Questions", attempts: "Attempts", successRate: "Success rate",
    mean: "Average response", longest: "Longest response", throughput: "Answers an hour", refusedAttempts: "Refused (429)",
    peak: "Peak in flight", perSecond: "Answers a second", answered: "Answered", refused: "Refused (429)", failed: "Failed", open_: "Open",
    seconds: "s", interval: "95 % interval", n: "n", tooFew: "In seconds. A percentile is a value that was measured, shown only where n suffices.", times: "Response times",
    time_attempt: "Attempt (answered)", time_perceived: "Perceived (waits included)", time_server: "Server",
    time_overhead: "Outside (attempt − server)", time_refusal: "Refusal (429)", time_first_token: "To the first token (streams)",
    time_lateness: "Sent later than intended", average: "Average", maximum: "Maximum", histogram: "Perceived response times",
    logScale: "Log scale", ecdf: "Cumulative distribution", share: "Share", percentile: "Percentile", timeline: "Attempts over time",
    medianTime: "Median answer", count: "Count", elapsed: "Elapsed (s)", pie: "How questions ended", users: "Performance by concurrent requests",
    level: "In flight", knee: "Knee", kneeAt: "Knee: {rate} answers a second with {level} in flight",
    kneeNot: "Knee not reached: still rising up to {level} in flight", kneeNone: "Not enough data to speak of a knee",
    flight: "Requests in flight and users in back-off", inFlight: "In flight", backOff: "Waiting after 429", funnel: "What became of questions",
    firstTry: "Answered at once", afterRetries: "Answered after {k} retries", exhausted: "Given up at 429", otherFailure: "Other failure",
    promises: "Did Retry-After tell the truth?", promised: "Promises (429s that the user came back after)", honoured: "Waits that the user kept",
    kept: "Next attempt let in", promiseError: "Off the promised time (median)", reasons: "Failure reasons", reason: "Reason",
    statuses: "Status codes", status: "Status", endpoints: "By endpoint", endpoint: "Endpoint", characters: "By character", character: "Character",
    failures: "Failed attempts (first 100)", when: "When (UTC)", user: "User", error: "Error", goals: "Goals and evidence", goal: "Goal",
    state: "State", value: "Value", checks: "Validity checks", check: "Check", detail: "Evidence", phases: "Stages", phase: "Stage", load: "Load (users or arrivals/s)", serverErrors: "5xx",
    identity: "This run", compare: "Two runs compared", measure: "Measure", earlier: "Earlier", later: "Later", change: "Change",
    same: "no detectable change", changed: "changed", noInterval: "no interval", success: "Success rate (%)",
    compare_mean: "Perceived mean (s)", compare_p50: "Perceived median (s)", asTable: "As a table", from: "From", to: "Below",
    bucket: "Bucket from (s)", none: "none", met: "met", undecidable: "undecidable", ok: "ok", not_provable: "not provable",
    good: "Answered within {s} s", proven: "proven", notProven: "interval crosses the limit", chartOf: "Chart",
  },
};

let language = navigator.language.toLowerCase().startsWith("ko") ? "ko" : "en";

function say(key, values = {}) {
  let text = WORDS[language][key] ?? key;
  for (const [name, value] of Object.entries(values)) text = text.replace(`{${name}}`, value);
  return text;
}
