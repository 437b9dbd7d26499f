/** uPlot as a component: built anew when its options change, fed when only its data do. */

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

export interface ChartProps {
  /** All but the size. A new object builds the chart anew, so memoise it. */
  options: Omit<uPlot.Options, "width" | "height">;
  data: uPlot.AlignedData;
  height: number;
  /** What a reader who cannot see it is told. */
  label: string;
}

export function Chart({ options, data, height, label }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  useEffect(() => {
    const element = box.current!;
    const made = new uPlot({ ...options, width: element.clientWidth || 300, height }, data, element);
    plot.current = made;
    const observer = new ResizeObserver(() => {
      if (element.clientWidth > 0) made.setSize({ width: element.clientWidth, height });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [options, height]);
  useEffect(() => plot.current?.setData(data), [data]);
  return <div class="chart" role="img" aria-label={label} ref={box} style={{ height: `${height}px` }} />;
}
