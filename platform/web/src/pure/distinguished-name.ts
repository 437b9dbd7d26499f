/** Distinguished names (TS 32.300): "SubNetwork=1,ManagedElement=gNB-1,GNBDUFunction=1,NRCellDU=3". */

export interface Rdn {
  type: string;
  value: string;
}

/** The relative names from the root to the leaf. A comma that is escaped belongs to its value. */
export function rdns(name: string): Rdn[] {
  return name.split(/(?<!\\),/).map((part) => {
    const equals = part.indexOf("=");
    const value = part.slice(equals + 1).replace(/\\(.)/g, "$1");
    return equals < 0 ? { type: "", value } : { type: part.slice(0, equals).trim(), value };
  });
}

/** The names of all that contain `name`, nearest first. */
export function ancestors(name: string): string[] {
  const parts = name.split(/(?<!\\),/);
  return parts.slice(1).map((_, i) => parts.slice(0, parts.length - 1 - i).join(","));
}

/** What people call it: "gNB-1/3" below a ManagedElement, else the value of its own relative name. */
export function shortName(name: string): string {
  const parts = rdns(name);
  const leaf = parts[parts.length - 1]!;
  const element = parts.find((part) => part.type === "ManagedElement");
  if (!element || element === leaf) return leaf.value;
  return `${element.value}/${leaf.value}`;
}
