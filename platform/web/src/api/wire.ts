/** The shapes of the API's answers that the page reads (`ranvier.gateway.api.models`). Times are RFC 3339. */

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface NodeItem {
  id: string;
  node_class: string;
  properties: Record<string, unknown>;
  valid_from: string;
  valid_to: string | null;
}

export interface RelationItem {
  relation: string;
  source: string;
  target: string;
  properties: Record<string, unknown>;
  valid_from: string;
}

export interface SnapshotPage {
  as_of: string;
  nodes: NodeItem[];
  relations: RelationItem[];
  next: string | null;
}

export interface SeriesItem {
  object_id: string;
  quantity: string;
  label: string | null;
  unit: string | null;
}

export interface Point {
  start: string;
  end: string;
  value: number;
  suspect: boolean;
}

export interface PointsPage extends Page<Point> {
  object_id: string;
  quantity: string;
  unit: string | null;
}

export interface Estimate {
  value: number | null;
  low: number | null;
  high: number | null;
  undefined?: string | null;
}

export interface FidelityItem {
  quantity: string;
  unit: string | null;
  horizon_s: number;
  model: string;
  object_id: string | null;
  window_from: string;
  window_to: string | null;
  n: number;
  fidelity: Estimate;
  coverage80: Estimate;
  bias: Estimate;
  precision: Estimate;
  crps: number | null;
  reference: string;
  floor: string;
}

export interface Quantile {
  level: number;
  value: number;
}

export interface OutcomeItem {
  issued_at: string;
  valid_at: string;
  horizon_s: number;
  model: string;
  model_version: string;
  quantiles: Quantile[];
  outcome: number | null;
  outcome_end: string | null;
}

export interface OutcomePage extends Page<OutcomeItem> {
  object_id: string;
  quantity: string;
  unit: string | null;
}

export interface DeadLetterItem {
  id: string;
  recorded_at: string;
  reason: string;
  source: string;
  position: string;
  adapter: string;
  size_bytes: number;
}

export interface DeadLetterDetail extends DeadLetterItem {
  context: string;
  encoding: "utf-8" | "base64";
  raw: string;
  truncated: boolean;
}

export interface IngestReceipt {
  accepted: number;
  refused: number;
  refusals: { position: string; reason: string }[];
}

export interface Figures {
  uptime_s: number;
  feed: string;
  feed_emulated: boolean;
  twin_lag_p50_s: number | null;
  twin_lag_p99_s: number | null;
  events_per_s: number;
  points_per_s: number;
  events_accepted: number;
  events_refused: number;
  points_accepted: number;
  forecasts_issued: number;
  forecasts_scored: number;
  watermark: string | null;
  as_of: string | null;
  sink_lag: Record<string, number>;
}

export interface AlarmItem {
  alarm_id: string;
  object_id: string;
  at: string;
  severity: string;
  type: string;
  probable_cause: string;
  specific_problem: string;
  text: string;
}

export interface LiveSnapshot {
  at: string;
  figures: Figures;
  fidelity: FidelityItem[];
  alarms: AlarmItem[];
  dead_letters: DeadLetterItem[];
}

export interface QuantityItem {
  name: string;
  label: string;
  unit: string;
  object_classes: string[];
  integer?: boolean;
  tolerance: number | null;
}

export interface Problem {
  title: string;
  status: number;
  detail: string;
  expected?: string | null;
  got?: string | null;
  remedy?: string | null;
}
