// What changed between two runs, with an interval for each difference; the same definitions as
// loadtest/stats/comparison.py.

// The 95 % bootstrap interval of the difference of means, drawn with a fixed seed: the same in every browser.
function bootstrap(first, second) {
  if (Math.min(first.length, second.length) < 5) return [null, null];
  const count = Math.max(200, Math.min(1000, Math.floor(2_000_000 / (first.length + second.length))));
  let state = 20261124;
  const differences = new Float64Array(count);
  for (let round = 0; round < count; round += 1) {
    const means = [first, second].map((values) => {
      const n = values.length;
      let total = 0;
      for (let i = 0; i < n; i += 1) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        total += values[Math.floor((state * n) / 4294967296)];
      }
      return total / n;
    });
    differences[round] = (means[1] - means[0]) / 1e6;
  }
  differences.sort();
  const cut = Math.floor((count * 25) / 1000);
  return [differences[cut], differences[count - 1 - cut]];
}

const Z95_SPREAD = (n, share) => Z95 * Math.sqrt(n * share * (1 - share));

// A percentile's 95 % interval, between two measured values whose ranks follow from the binomial law.
function betweenRanks(ordered, percent) {
  const n = ordered.length;
  const share = percent / 100;
  const low = Math.floor(n * share - Z95_SPREAD(n, share));
  const high = Math.ceil(n * share + Z95_SPREAD(n, share));
  return low < 1 || high > n ? null : [ordered[low - 1] / 1e6, ordered[high - 1] / 1e6];
}

// The difference of two [value, low, high] and its interval: distances to the edges, squared and added.
function squared([one, low1, high1], [two, low2, high2]) {
  const change = two - one;
  return {
    change,
    low: change - Math.sqrt((two - low2) ** 2 + (high1 - one) ** 2),
    high: change + Math.sqrt((high2 - two) ** 2 + (one - low1) ** 2),
  };
}

function plainDifference(name, earlier, later) {
  const change = earlier === null || later === null ? null : later - earlier;
  return { name, earlier, later, change, low: null, high: null };
}

function shareDifference(name, [hits1, n1], [hits2, n2]) {
  if (!n1 || !n2) return plainDifference(name, null, null);
  const [one, two] = [hits1 / n1, hits2 / n2];
  const { change, low, high } = squared([one, ...wilson(hits1, n1)], [two, ...wilson(hits2, n2)]);
  return { name, earlier: 100 * one, later: 100 * two, change: 100 * change, low: 100 * low, high: 100 * high };
}

function percentileDifference(name, first, second, percent) {
  const [one, two] = [rank(first, percent) / 1e6, rank(second, percent) / 1e6];
  const around = [betweenRanks(first, percent), betweenRanks(second, percent)];
  if (!around[0] || !around[1]) return plainDifference(name, one, two);
  return { name, earlier: one, later: two, ...squared([one, ...around[0]], [two, ...around[1]]) };
}

function compareRuns(first, second) {
  const [a, b] = [first.times.perceived, second.times.perceived];
  const result = [
    shareDifference("success", [first.answered, first.settled], [second.answered, second.settled]),
    shareDifference("refused", [first.refused, first.rows.length], [second.refused, second.rows.length]),
  ];
  if (a.n && b.n) {
    const [low, high] = bootstrap(a.ordered, b.ordered);
    result.push(
      { ...plainDifference("mean", a.mean, b.mean), low, high },
      percentileDifference("p50", a.ordered, b.ordered, 50),
      percentileDifference("p95", a.ordered, b.ordered, 95),
    );
  } else for (const name of ["mean", "p50", "p95"]) result.push(plainDifference(name, null, null));
  result.push(plainDifference("throughput", first.anHour, second.anHour));
  return result;
}
