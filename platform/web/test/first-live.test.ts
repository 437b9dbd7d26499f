import { describe, expect, it } from "vitest";
import { firstLive } from "../src/pure/first-live.ts";

const among = (live: readonly string[], asked: string[] = []) => async (id: string) => {
  asked.push(id);
  return live.includes(id);
};
const ids = Array.from({ length: 20 }, (_, i) => `UE=${i}`);

describe("the node to follow", () => {
  it("is the first in order that has values, not the first to answer", async () => {
    const slow = async (id: string) => {
      await new Promise((done) => setTimeout(done, id === "UE=2" ? 20 : 0));
      return id === "UE=2" || id === "UE=3";
    };
    expect(await firstLive(ids, slow)).toBe("UE=2");
  });

  it("is asked about alone while it stays live", async () => {
    const asked: string[] = [];
    expect(await firstLive(ids, among(["UE=0", "UE=7"], asked))).toBe("UE=0");
    expect(asked).toEqual(["UE=0"]);
  });

  it("is found far down, each asked once", async () => {
    const asked: string[] = [];
    expect(await firstLive(ids, among(["UE=19"], asked))).toBe("UE=19");
    expect(asked).toEqual(ids);
  });

  it("is none where nothing has values", async () => {
    expect(await firstLive(ids, among([]))).toBeNull();
    expect(await firstLive([], among([]))).toBeNull();
  });
});
