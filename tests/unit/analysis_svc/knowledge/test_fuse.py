from analysis_svc.domain.knowledge.fuse import fuse, word_weight


def test_what_both_searches_found_comes_before_what_one_found() -> None:
    assert fuse(["a", "b", "c"], ["d", "b", "e"])[0] == "b"


def test_equal_ranks_keep_the_order_of_the_first_ranking() -> None:
    assert fuse(["a"], ["b"]) == ["a", "b"]


def test_rarer_word_weighs_more() -> None:
    assert word_weight(100, 1) > word_weight(100, 50) > word_weight(100, 100) > 0
