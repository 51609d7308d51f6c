// The arithmetic of the dashboard, exact over whole microseconds; the same definitions as loadtest/stats.

const ENOUGH = { 50: 5, 90: 29, 95: 59, 99: 299 };
const Z95 = 1.959963984540054;

const rank = (ordered, percent) => ordered[Math.max(0, Math.ceil((percent * ordered.length) / 100) - 1)];

function describe(values) {
  const ordered = Float64Array.from(values).sort();
  const n = ordered.length;
  let sum = 0;
  for (const value of ordered) sum += value;
  const result = { n, mean: n ? sum / n / 1e6 : null, max: n ? ordered[n - 1] / 1e6 : null, ordered };
  for (const percent of [50, 90, 95, 99]) {
    result[`p${percent}`] = n >= ENOUGH[percent] ? rank(ordered, percent) / 1e6 : null;
  }
  return result;
}

function wilson(hits, n) {
  if (n === 0) return [0, 1];
  const share = hits / n;
  const z2 = Z95 * Z95;
  const centre = share + z2 / (2 * n);
  const spread = Z95 * Math.sqrt((share * (1 - share)) / n + z2 / (4 * n * n));
  const scale = 1 + z2 / n;
  return [hits === 0 ? 0 : (centre - spread) / scale, hits === n ? 1 : (centre + spread) / scale];
}

// Questions: the attempts of one user in order of their start, up to the first that is not marked as a retry.
function gather(rows) {
  const users = new Map();
  rows.forEach((row, index) => {
    row.index = index;
    if (!users.has(row.user)) users.set(row.user, []);
    users.get(row.user).push(row);
  });
  const early = (a, b) => a.startUs - b.startUs || a.index - b.index;
  const questions = [];
  for (const own of users.values()) {
    own.sort(early);
    let chain = [];
    for (const row of own) {
      chain.push(row);
      if (!row.retry) {
        questions.push(chain);
        chain = [];
      }
    }
    if (chain.length) questions.push(chain);
  }
  questions.sort((a, b) => early(a[0], b[0]));
  return questions.map((attempts) => {
    const last = attempts[attempts.length - 1];
    return {
      attempts,
      open: last.retry,
      answered: last.success && !last.retry,
      refused: !last.retry && !last.success && last.status === 429,
      left: last.reason === "gave_up",
      perceivedUs: Math.max(0, last.startUs + last.us - attempts[0].startUs),
    };
  });
}

const MOST_LEVELS = 20;

// Attempts in flight by sweeping over their intervals [start, end); ends before starts, shortest a microsecond. An
// answer counts at each level with the share of its duration that it spent there.
function sweep(rows) {
  if (!rows.length) return { peak: 0, mean: null, spanUs: 0, levels: [] };
  const end = (index) => rows[index].startUs + Math.max(1, rows[index].us);
  const order = rows.map((_, index) => index);
  const starts = order.slice().sort((a, b) => rows[a].startUs - rows[b].startUs || a - b);
  const ends = order.slice().sort((a, b) => end(a) - end(b) || a - b);
  const walk = (onStart, onEnd, onTime) => {
    let level = 0;
    let i = 0;
    let before = rows[starts[0]].startUs;
    const pass = (moment) => {
      onTime(level, moment - before);
      before = moment;
    };
    for (const done of ends) {
      for (; i < starts.length && rows[starts[i]].startUs < end(done); i += 1) {
        pass(rows[starts[i]].startUs);
        level += 1;
        onStart(level, starts[i]);
      }
      pass(end(done));
      level -= 1;
      onEnd(done);
    }
    return before;
  };
  let peak = 0;
  walk(
    (level) => {
      peak = Math.max(peak, level);
    },
    () => {},
    () => {},
  );
  const width = Math.ceil(peak / MOST_LEVELS);
  const levels = [];
  for (let low = 1; low <= peak; low += width) {
    levels.push({
      low,
      high: Math.min(low + width - 1, peak),
      us: 0,
      answers: 0,
      started: 0,
      good: 0,
      goodUs: 0,
    });
  }
  const bin = (level) => levels[Math.floor((level - 1) / width)];
  const entered = new Map();
  let area = 0;
  const first = rows[starts[0]].startUs;
  const before = walk(
    (level, index) => {
      const here = bin(level);
      here.started += 1;
      if (!rows[index].success) return;
      here.good += 1;
      here.goodUs += rows[index].us;
      entered.set(
        index,
        levels.map((each) => each.us),
      );
    },
    (index) => {
      if (!rows[index].success) return;
      const earlier = entered.get(index);
      entered.delete(index);
      levels.forEach((each, k) => {
        each.answers += (each.us - earlier[k]) / Math.max(1, rows[index].us);
      });
    },
    (level, us) => {
      if (!level) return;
      bin(level).us += us;
      area += level * us;
    },
  );
  for (const each of levels) {
    each.throughput = each.us ? (each.answers * 1e6) / each.us : null;
    each.mean = each.good ? each.goodUs / each.good / 1e6 : null;
  }
  const spanUs = before - first;
  return { peak, mean: spanUs ? area / spanUs : null, spanUs, levels };
}

// The lowest level with 95 % of the best throughput, among levels with evidence enough; none where the highest of
// them is not twice the lowest, since levels that lie close together cannot tell.
function kneeOf(levels, spanUs) {
  const fit = levels.filter(
    (bin) => bin.throughput !== null && bin.answers >= 10 && bin.us * 100 >= spanUs * 5,
  );
  if (!fit.length || fit[fit.length - 1].high < 2 * fit[0].high) return null;
  const best = Math.max(...fit.map((bin) => bin.throughput));
  const found = fit.find((bin) => bin.throughput >= 0.95 * best);
  return {
    level: found.high,
    throughput: found.throughput,
    reached: found !== fit[fit.length - 1],
    lowest: found === fit[0],
  };
}

const STAMP_US = 1000;

function waiting(questions) {
  const after = new Map();
  const result = { exhausted: 0, left: 0, open: 0, promises: 0, honoured: 0, kept: 0 };
  const ratios = [];
  for (const question of questions) {
    const { attempts } = question;
    if (question.answered) after.set(attempts.length - 1, (after.get(attempts.length - 1) ?? 0) + 1);
    if (question.refused) result.exhausted += 1;
    if (question.refused && question.left) result.left += 1;
    if (question.open) result.open += 1;
    for (let i = 0; i + 1 < attempts.length; i += 1) {
      const refusal = attempts[i];
      if (refusal.status !== 429 || refusal.afterUs === null) continue;
      result.promises += 1;
      const waited = attempts[i + 1].startUs - refusal.startUs - refusal.us;
      if (waited >= refusal.afterUs - STAMP_US) result.honoured += 1;
      if (attempts[i + 1].status !== 429) result.kept += 1;
    }
    const first = attempts[0];
    if (question.answered && first.status === 429 && first.afterUs) {
      const needed = attempts[attempts.length - 1].startUs - first.startUs - first.us;
      ratios.push(Number((BigInt(Math.abs(needed - first.afterUs)) * 1_000_000n) / BigInt(first.afterUs)));
    }
  }
  ratios.sort((a, b) => a - b);
  result.after = [...after].sort((a, b) => a[0] - b[0]);
  result.error = ratios.length ? rank(ratios, 50) / 1e6 : null;
  return result;
}

function groups(rows, key) {
  const found = new Map();
  for (const row of rows) {
    const name = key(row);
    if (!found.has(name)) found.set(name, []);
    found.get(name).push(row);
  }
  const names = [...found.keys()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return names.map((name) => {
    const own = found.get(name);
    const good = own.filter((row) => row.success);
    return { name, attempts: own.length, answered: good.length, times: describe(good.map((row) => row.us)) };
  });
}
