/** The page: its parts in the order in which a reader asks. */

import { Header } from "./parts/header.tsx";
import { Tiles } from "./parts/tiles.tsx";

export function App() {
  return (
    <>
      <Header />
      <main>
        <Tiles />
      </main>
    </>
  );
}
