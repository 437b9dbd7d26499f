/** Starts the page: theme, live feed, and what is asked for now and then. */

import { render } from "preact";
import { address } from "./api/client.ts";
import { follow } from "./api/live.ts";
import { App } from "./app.tsx";
import { takeSnapshot } from "./model/live-state.ts";
import { keepInAddress } from "./model/selection.ts";
import { watchTheme } from "./model/theme.ts";
import "./style/tokens.css";
import "./style/page.css";

watchTheme();
keepInAddress();
follow(address("live"), takeSnapshot);
render(<App />, document.getElementById("app")!);
