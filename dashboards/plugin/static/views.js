// The views, in the order of their tabs.

import * as compare from "./views/compare.js";
import * as crossover from "./views/crossover.js";
import * as environment from "./views/environment.js";
import * as history from "./views/history.js";
import * as leaderboard from "./views/leaderboard.js";
import * as matrix from "./views/matrix.js";
import * as profile from "./views/profile.js";
import * as roofline from "./views/roofline.js";
import * as winners from "./views/winners.js";

export const VIEWS = [leaderboard, winners, crossover, roofline, matrix, compare, history, profile, environment];
