/** What the network complains of, newest first. */

import { alarmRows, nowMs } from "../model/live-state.ts";
import { chosenNode } from "../model/selection.ts";
import { shortName } from "../pure/distinguished-name.ts";
import { ago, clock } from "../pure/time.ts";
import { Awaited, Panel } from "./panel.tsx";

const SHOWN = 40;

export function Alarms() {
  const rows = alarmRows.value.slice(0, SHOWN);
  return (
    <Panel name="alarms" title="Recent alarms">
      {rows.length === 0 ? (
        <Awaited>No alarm came in.</Awaited>
      ) : (
        <ol class="rows scroll" tabIndex={0} aria-labelledby="alarms-title">
          {rows.map((alarm) => (
            <li key={`${alarm.alarm_id} ${alarm.at} ${alarm.severity}`} class="row">
              <span class={`severity ${alarm.severity.toLowerCase()}`}>{alarm.severity.toLowerCase()}</span>
              <div class="row-main">
                <button type="button" class="link" onClick={() => void (chosenNode.value = alarm.object_id)} title={alarm.object_id}>
                  {shortName(alarm.object_id)}
                </button>{" "}
                {alarm.specific_problem || alarm.probable_cause}
                {alarm.text && <span class="dim"> · {alarm.text}</span>}
              </div>
              <time class="dim" dateTime={alarm.at} title={`${clock(Date.parse(alarm.at))} UTC`}>
                {ago(Date.parse(alarm.at), nowMs.value)}
              </time>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}
