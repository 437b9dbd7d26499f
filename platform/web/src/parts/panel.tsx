/** A part of the page: a titled box, and the words that stand in it while there is nothing to show. */

import type { ComponentChildren } from "preact";

interface PanelProps {
  name: string;
  title: string;
  hint?: string;
  controls?: ComponentChildren;
  children: ComponentChildren;
}

export function Panel({ name, title, hint, controls, children }: PanelProps) {
  return (
    <section class={`panel ${name}`} aria-labelledby={`${name}-title`}>
      <header class="panel-head">
        <h2 id={`${name}-title`}>{title}</h2>
        {hint && <p class="hint">{hint}</p>}
        {controls && <div class="controls">{controls}</div>}
      </header>
      {children}
    </section>
  );
}

export function Awaited({ children }: { children: ComponentChildren }) {
  return (
    <p class="awaited" role="status">
      {children}
    </p>
  );
}

interface ChoiceProps<T extends string | number> {
  label: string;
  value: T;
  options: readonly { value: T; text: string }[];
  onChoose: (value: T) => void;
}

/** A labelled drop-down list. */
export function Choice<T extends string | number>({ label, value, options, onChoose }: ChoiceProps<T>) {
  return (
    <label class="choice">
      <span>{label}</span>
      <select
        value={String(value)}
        disabled={options.length === 0}
        onChange={(event) => {
          const picked = options.find((option) => String(option.value) === event.currentTarget.value);
          if (picked) onChoose(picked.value);
        }}
      >
        {options.map((option) => (
          <option key={String(option.value)} value={String(option.value)}>
            {option.text}
          </option>
        ))}
      </select>
    </label>
  );
}
