/** The page: its parts in the order in which a reader asks. */

import { Alarms } from "./parts/alarms.tsx";
import { DeadLetters } from "./parts/dead-letters.tsx";
import { FidelityChart } from "./parts/fidelity-chart.tsx";
import { FidelityTable } from "./parts/fidelity-table.tsx";
import { ForecastChart } from "./parts/forecast-chart.tsx";
import { Header } from "./parts/header.tsx";
import { Lens } from "./parts/lens.tsx";
import { Tiles } from "./parts/tiles.tsx";
import { Topology } from "./parts/topology.tsx";

export function App() {
  return (
    <>
      <Header />
      <main>
        <Tiles />
        <Lens />
        <Topology />
        <ForecastChart />
        <FidelityChart />
        <FidelityTable />
        <Alarms />
        <DeadLetters />
      </main>
    </>
  );
}
