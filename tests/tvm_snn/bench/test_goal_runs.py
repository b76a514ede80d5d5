from tvm_snn.bench.goal_runs import GoalRun, runs_table


def test_a_goal_has_a_row_with_the_ratio_of_each_run() -> None:
    found = [
        GoalRun(1, "single units", 1.5, 1.61, 1.64),
        GoalRun(1, "pairs", 2.2, 1.9, 1.95),
        GoalRun(2, "single units", 1.5, 1.42, 1.5),
    ]
    table = runs_table(found)
    assert table.header == ["", "goal", "run 1", "run 2", "best times, run 1", "best times, run 2"]
    assert table.rows == [
        ["single units", "1.50", "1.61", "1.42", "1.64", "1.50"],
        ["pairs", "2.20", "1.90", "", "1.95", ""],
    ]
