/** Figures in the text format of Prometheus. Loads prom-client, so the server imports it with the first scrape. */
import { Counter, Gauge, Registry, type Metric } from 'prom-client';

type Labels = Readonly<Record<string, string>>;

export interface Family {
  name: string;
  help: string;
  /** A histogram's values carry `le` for their bucket, each with what fell into this one alone. */
  type: 'counter' | 'gauge' | 'histogram';
  labels: readonly string[];
  values: readonly { labels: Labels; value: number }[];
  /** Of a histogram: the sum of all that was observed. */
  sum?: number;
}

/** A registry of its own for each call: nothing is global. */
export async function metricsText(families: readonly Family[]): Promise<{ text: string; type: string }> {
  const registry = new Registry();
  for (const { name, help, type, labels, values, sum = 0 } of families) {
    if (type === 'histogram') {
      registry.registerMetric(histogram(name, help, values, sum));
      continue;
    }
    const options = { name, help, labelNames: [...labels], registers: [registry] };
    if (type === 'gauge') {
      const gauge = new Gauge(options);
      for (const it of values) gauge.set({ ...it.labels }, it.value);
    } else {
      const counter = new Counter(options);
      for (const it of values) counter.inc({ ...it.labels }, it.value);
    }
  }
  return { text: await registry.metrics(), type: registry.contentType };
}

/** prom-client's own can only be observed one by one; these were counted by others. */
function histogram(name: string, help: string, buckets: Family['values'], sum: number): Metric {
  const bound = (le: string | undefined): number => (le === '+Inf' ? Infinity : Number(le));
  let count = 0;
  const values = buckets
    .toSorted((a, b) => bound(a.labels['le']) - bound(b.labels['le']))
    .map(({ labels, value }) => ({ metricName: `${name}_bucket`, labels, value: (count += value) }));
  const totals = [
    { metricName: `${name}_sum`, labels: {}, value: sum },
    { metricName: `${name}_count`, labels: {}, value: count },
  ];
  const get = async () => ({ name, help, type: 'histogram', aggregator: 'sum', values: [...values, ...totals] });
  return { name, help, get } as unknown as Metric;
}
