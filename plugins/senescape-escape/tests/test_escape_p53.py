"""p53 that is refolded by a drug, and p53 that is lost in the arrest."""

from escape_runs import events, pulse, run, senescent

DOXORUBICIN = pulse("doxorubicin", 0.1, 1, 2)
MUTANT = {"tp53.initial.p": 0.0, "p53_loss.k": 0.0}


def shares(result):
    """Mitotic catastrophes and senescence, in events for each founder."""
    founders = int(result.counts[0, 0].sum())
    return [events(result, name) / founders for name in ("mitotic_catastrophe", "senescence")]


def test_refolded_p53_makes_mutant_cells_arrest_like_wild_type():
    founders = {"cycling": 2000}
    wild_type = shares(run(founders, [DOXORUBICIN], days=8))
    mutant = shares(run(founders, [DOXORUBICIN], days=8, **MUTANT))
    treated = shares(run(founders, [DOXORUBICIN, pulse("eprenetapopt", 200.0, 0, 8)], days=8, **MUTANT))
    assert mutant[0] > 5 * wild_type[0]
    assert mutant[1] < 0.4 * wild_type[1]
    for restored, normal in zip(treated, wild_type, strict=True):
        assert abs(restored - normal) < 0.25 * normal


def test_refolded_p53_is_lost_again_when_the_drug_leaves():
    result = run({"cycling": 500}, [pulse("eprenetapopt", 200.0, 0, 1)], days=6, **MUTANT)
    on, off = (events(result, f"p53_{what}_cycling") for what in ("refolding", "unfolding"))
    assert on > 400
    # Cells that were refolded have divided since: each daughter loses it for herself.
    assert off > on


def test_a_cell_that_does_not_divide_loses_it_once():
    result = senescent([pulse("eprenetapopt", 200.0, 0, 0.25)], days=6, cells=2000, **MUTANT)
    on, off = (events(result, f"p53_{what}_senescent") for what in ("refolding", "unfolding"))
    assert 0.9 * on < off <= on
    assert on > 1000


def test_nothing_is_refolded_where_p53_works():
    result = run({"cycling": 500}, [pulse("eprenetapopt", 200.0, 0, 4)], days=4)
    assert events(result, "p53_refolding_cycling") == 0


def test_cells_that_lose_p53_escape_if_the_lock_lets_them():
    loss = {"p53_loss.k": 1e-3}
    released = events(senescent(**loss), "escape")
    assert released > 1.5 * events(senescent(**loss, **{"p53_loss_release.fold": 0.0}), "escape")
    locked = {"chromatin_lock.initial.a": 50.0, "chromatin_lock.initial.b": 0.05}
    assert events(senescent(**loss, **locked), "escape") < 0.6 * released
    assert events(senescent(**loss), "p53_loss_senescent") > 1000


def test_what_was_lost_is_not_refolded():
    doses = [pulse("eprenetapopt", 200.0, 0, 20)]
    result = senescent(doses, cells=2000, **{"p53_loss.k": 1e-3})
    assert events(result, "p53_loss_senescent") > 200
    assert events(result, "p53_refolding_senescent", "p53_refolding_cycling") == 0
