/** The records that could not be used: why, where they came from, their bytes, and another try. */

import { useSignal } from "@preact/signals";
import * as api from "../api/client.ts";
import type { DeadLetterDetail, DeadLetterItem } from "../api/wire.ts";
import { deadLetterRows, figures, nowMs } from "../model/live-state.ts";
import { count } from "../pure/numbers.ts";
import { ago, clock } from "../pure/time.ts";
import { Awaited, Panel } from "./panel.tsx";

const SHOWN = 40;

export function DeadLetters() {
  const rows = deadLetterRows.value.slice(0, SHOWN);
  const total = figures.value?.events_refused ?? 0;
  return (
    <Panel name="dead-letters" title="Dead letters" hint={total > SHOWN ? `the newest ${SHOWN} of ${count(total)}` : ""}>
      {rows.length === 0 ? (
        <Awaited>Every record could be used. What cannot be will be kept here with its reason.</Awaited>
      ) : (
        <ol class="rows scroll" tabIndex={0} aria-labelledby="dead-letters-title">
          {rows.map((letter) => (
            <Letter key={letter.id} letter={letter} />
          ))}
        </ol>
      )}
    </Panel>
  );
}

function Letter({ letter }: { letter: DeadLetterItem }) {
  const detail = useSignal<DeadLetterDetail | null>(null);
  const trouble = useSignal("");
  const load = (event: Event) => {
    if (!(event.currentTarget as HTMLDetailsElement).open || detail.value) return;
    api.deadLetter(letter.id).then(
      (found) => (detail.value = found),
      (problem: Error) => (trouble.value = problem.message),
    );
  };
  const at = Date.parse(letter.recorded_at);
  return (
    <li>
      <details onToggle={load}>
        <summary class="row">
          <span class="row-main">{letter.reason}</span>
          <time class="dim" dateTime={letter.recorded_at} title={`${clock(at)} UTC`}>
            {ago(at, nowMs.value)}
          </time>
        </summary>
        <div class="letter">
          <dl>
            <dt>Source</dt>
            <dd>{letter.source || "–"}</dd>
            <dt>Position</dt>
            <dd>{letter.position || "–"}</dd>
            <dt>Adapter</dt>
            <dd>{letter.adapter || "none applies"}</dd>
            <dt>Id</dt>
            <dd>
              {letter.id} · {count(letter.size_bytes)} bytes
            </dd>
          </dl>
          {trouble.value && <p class="trouble">{trouble.value}</p>}
          {detail.value && <pre>{detail.value.raw + (detail.value.truncated ? "\n… cut here" : "")}</pre>}
          {detail.value?.encoding === "base64" && <p class="dim">These bytes are no text: shown as base64.</p>}
          <Replay letter={letter} />
        </div>
      </details>
    </li>
  );
}

function Replay({ letter }: { letter: DeadLetterItem }) {
  const said = useSignal("");
  const busy = useSignal(false);
  const again = async () => {
    busy.value = true;
    try {
      const receipt = await api.replay(letter.id);
      said.value = receipt.refused === 0 ? `${count(receipt.accepted)} accepted.` : `Refused again: ${receipt.refusals[0]?.reason ?? "no reason was given"}`;
    } catch (problem) {
      said.value = problem instanceof Error ? problem.message : String(problem);
    }
    busy.value = false;
  };
  return (
    <p class="replay">
      <button type="button" disabled={busy.value || letter.adapter === ""} onClick={() => void again()}>
        Replay
      </button>
      <span role="status">{busy.value ? "Replaying…" : said.value}</span>
    </p>
  );
}
