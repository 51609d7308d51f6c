// Why a run got its verdict, in Korean: a sentence for each code of loadtest/judge/reasons.py. The English sentence comes
// with the code, as does everything that files of another version say.

const REASONS_KO = {
  no_connection: "연결이 한 번도 받아들여지지 않았습니다",
  no_goals: "정한 목표가 없습니다: 유효한 실행이라는 것만 말할 수 있습니다",
  no_manifest: "manifest.json이 없습니다: 실행이 끝나지 않았습니다",
  unsupervised: "지켜본 상위 프로세스가 없어 서비스 계수기를 묻지 않았고 목표를 판정하지 않았습니다",
  missed: "{value}",
  undecidable: "판단할 수 없음 ({why})",
  few_values: "n = {n}, {needed} 이상 필요",
  not_measured: "이 실행에서 재지 않은 값",
  nothing_counted: "센 것이 없음",
  interval_crosses: "구간이 아직 {limit}에 걸쳐 있음",
  generators_left: "발생기 {count}개가 모두 시작하고 끝을 알렸습니다",
  no_goodbye: "{part}: 끝을 알리지 않았습니다. 프로세스가 죽었거나 더 쓸 수 없었습니다",
  other_parts: "발생기 {generators}개에 기록 파일 {parts}개",
  cannot_record:
    "발생기 {number}: 기록을 쓸 수 없었습니다 (이유는 locust.log에: 디스크가 가득 참, 읽기 전용, 사라짐)",
  killed: "발생기 {number}: 신호 {signal}에 강제로 끝났습니다",
  ended_with: "발생기 {number}: 종료 코드 {exit} (이유는 locust.log에)",
  rows_whole: "행 {rows}개, 빠지거나 깨지거나 겹친 것 없음",
  torn_lines: "{part}: 깨진 줄 {count}개",
  missing_records: "{part}: 빠진 기록 {count}개",
  rows_without_start: "{part}: 시작 기록이 없는 행 {count}개",
  rows_missing: "{part}: 빠진 행 {count}개",
  starts_missing: "{part}: 빠진 시작 기록 {count}개",
  rows_twice: "두 번 적힌 행 {count}개",
  no_attempt: "시도가 하나도 없습니다",
  all_ended: "시작한 시도가 모두 끝났습니다",
  trouble: "{what}",
  interrupted: "실행이 중단되었습니다",
  no_end: "끝이 없는 시도 {count}개: 발생기가 죽을 때 진행 중이었습니다",
  cut_off: "발생기가 끊은 시도 {count}개: 가장 느린 시도들이 빠졌습니다",
  headroom: "p95: CPU {cpu} %, 지연 {lag} ms",
  cpu_high: "{part}: {total}초 가운데 {bad}초 동안 CPU가 {limit} %를 넘었습니다",
  lag_high: "{part}: {total}초 가운데 {bad}초 동안 지연이 {limit}초를 넘었습니다",
  no_beats: "너무 짧아 한 번도 재지 못했습니다",
  clock_unread: "너무 짧아 시계를 두 번 읽지 못했습니다",
  clock_steady: "실행하는 동안 시스템 시계가 바뀌지 않았습니다",
  clock_step: "{part}: 시계가 바뀌었거나 컴퓨터가 잠들었습니다 ({step}초 건너뜀)",
  little: "진행 중이던 시간: 계수기로 {counter}초, 행으로 {rows}초",
  little_nothing: "비교할 것이 없습니다: 진행 중이던 시간이 계수기로도 행으로도 {limit}초를 넘지 않았습니다",
  closed_loop: "닫힌 루프: 지킬 도착률이 없습니다",
  few_arrivals: "도착이 두 번도 되지 않습니다",
  rate_kept: "초당 도착 {achieved} (목표 {wanted}), 지연 p99 {late} ms",
  rate_off: "초당 도착 {achieved} (목표 {wanted})",
  late: "지연 p99 {late}초",
  nobody_asked: "물어본 서비스가 없습니다",
  absent: "{source}: 연결할 수 없음",
  restarted: "{source}: 다시 시작됨",
  counted_agree: "{source}: 서비스가 센 것 {counted}, 행으로 센 것 {rows} (일치)",
  counted_foreign: "{source}: 서비스가 센 것 {counted}, 행으로 센 것 {rows} (다른 사용자가 있었음)",
  counted_mismatch: "{source}: 서비스가 센 것 {counted}, 행으로 센 것 {rows} (불일치)",
  counted_restarted: "{source}: 서비스가 센 것 {counted}, 행으로 센 것 {rows} (다시 시작됨)",
  told: "{text}",
};

// Null where the page has no sentence for what a file says.
function sentenceOf(reason) {
  if (language !== "ko" || !reason || !Object.hasOwn(REASONS_KO, reason.code)) return null;
  const values = Object.entries(reason.values ?? {}).map(([name, value]) => [
    name,
    value?.code ? sentenceOf(value) : value,
  ]);
  if (values.some(([, value]) => value === null)) return null;
  const sentence = fill(REASONS_KO[reason.code], Object.fromEntries(values));
  return reason.about ? `${sayOr(`check_${reason.about}`, reason.about)}: ${sentence}` : sentence;
}

// All of them in the page's language, or the English sentences of the file.
function sentencesOf(coded, texts) {
  const found = Array.isArray(coded) ? coded.map(sentenceOf) : [];
  return found.length && !found.includes(null) ? found : texts;
}
