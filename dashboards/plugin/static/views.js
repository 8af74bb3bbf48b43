// The views, in the order of their tabs.

import * as crossover from "./views/crossover.js";
import * as leaderboard from "./views/leaderboard.js";

export const VIEWS = [leaderboard, crossover];
