// The views, in the order of their tabs.

import * as crossover from "./views/crossover.js";
import * as environment from "./views/environment.js";
import * as leaderboard from "./views/leaderboard.js";
import * as winners from "./views/winners.js";

export const VIEWS = [leaderboard, winners, crossover, environment];
