import io
from dataclasses import replace

from rich.console import Console

from labbench.report import scorecard_tables


def printed(scorecard):
    console = Console(file=io.StringIO(), width=160)
    for table in scorecard_tables(scorecard):
        console.print(table)
    return console.file.getvalue()


def test_the_terminal_shows_features_parameters_and_truth(scorecard):
    text = printed(replace(scorecard, device="[red]"))
    for words in ("[red]", "fire probability", "mu_per_v_s", "truth", "not identifiable; needs"):
        assert words in text


def test_without_truth_there_is_no_such_column(scorecard):
    rows = tuple(replace(row, truth=None) for row in scorecard.parameters)
    assert "truth" not in printed(replace(scorecard, parameters=rows))
