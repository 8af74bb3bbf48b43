// The views, in the order of their tabs.

import * as leaderboard from "./views/leaderboard.js";

export const VIEWS = [leaderboard];
