/** What the charts and the map show: one choice of KPI, horizon and model for the whole page. */

import { quantityInfo } from "../model/questions.ts";
import * as chosen from "../model/selection.ts";
import { duration } from "../pure/numbers.ts";
import { Choice } from "./panel.tsx";

export function Lens() {
  const { quantity, horizon, model } = chosen;
  if (quantity.value === null) return null;
  const info = quantityInfo(quantity.value);
  return (
    <section class="lens" aria-label="What is shown">
      <Choice label="KPI" value={quantity.value} options={chosen.quantitiesScored.value.map((name) => ({ value: name, text: name }))} onChoose={chosen.chooseQuantity} />
      <Choice label="Ahead" value={horizon.value ?? 0} options={chosen.horizonsScored.value.map((s) => ({ value: s, text: duration(s) }))} onChoose={chosen.chooseHorizon} />
      <Choice label="Model" value={model.value ?? ""} options={chosen.modelsScored.value.map((name) => ({ value: name, text: name }))} onChoose={chosen.chooseModel} />
      <p class="hint">
        {info.label}
        {info.unit && info.unit !== "1" ? `, in ${info.unit}` : ""}
      </p>
    </section>
  );
}
