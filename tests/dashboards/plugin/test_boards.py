"""Boards are those of the leaderboard, by the rules and ceilings of the run."""

from opbench.dashboards.plugin.boards import BoardCache
from opbench.results.ranking.leaderboard import boards_of
from opbench.results.records import Ceilings
from tests.results.examples import ENVIRONMENT, make_run


def test_boards_are_ranked_anew_when_ceilings_come(tmp_path):
    folder, cache = make_run(tmp_path), BoardCache()
    before = cache.boards_of(folder)
    assert before == boards_of(folder)
    memory, matmul = ((1 << 10, 1e11), (1 << 30, 1e10)), (("float32", 1e11),)
    folder.append(
        Ceilings(
            environment_key=ENVIRONMENT.key,
            device="cpu",
            threads=1,
            memory=memory,
            matmul=matmul,
            dispatch_s=1e-6,
        )
    )
    after = cache.boards_of(folder)
    assert after == boards_of(folder)
    assert after[0].rows[0].share is not None
    assert before[0].rows[0].share is None
