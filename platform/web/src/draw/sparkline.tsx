/** A small line without axes, for the trend beside a figure. */

interface SparklineProps {
  values: readonly (number | null)[];
  label: string;
  width?: number;
  height?: number;
}

export function Sparkline({ values, label, width = 120, height = 28 }: SparklineProps) {
  const known = values.filter((v): v is number => v !== null && Number.isFinite(v));
  if (known.length < 2) return <svg class="spark" aria-hidden="true" />;
  const top = Math.max(...known) || 1;
  const bottom = Math.min(0, ...known);
  const x = (i: number) => (i / (values.length - 1)) * (width - 2) + 1;
  const y = (v: number) => height - 2 - ((v - bottom) / (top - bottom)) * (height - 5);
  const drawn = values.flatMap((v, i) => (v === null || !Number.isFinite(v) ? [] : [`${x(i).toFixed(1)},${y(v).toFixed(1)}`]));
  const lastX = drawn[drawn.length - 1]!.split(",")[0];
  return (
    <svg class="spark" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <polygon points={`${drawn[0]!.split(",")[0]},${height} ${drawn.join(" ")} ${lastX},${height}`} class="spark-area" />
      <polyline points={drawn.join(" ")} class="spark-line" />
    </svg>
  );
}
