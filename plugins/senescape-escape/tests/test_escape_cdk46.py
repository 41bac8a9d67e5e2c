"""CDK4/6: cells that are held, that become senescent without damage, and that are let go."""

import numpy as np
from escape_runs import events, pulse, run

CYCLING = {"cycling": 2000}
ROOMY = {"cycle.capacity": 1e9, "p53_loss.k": 0.0}


def hold(last, concentration=1.0):
    return pulse("palbociclib", concentration, 0, last)


def test_held_cells_finish_their_cycle_and_then_divide_no_more():
    free = run(CYCLING, days=6, **ROOMY)
    held = run(CYCLING, [hold(6)], days=6, **ROOMY)
    assert events(held, "division", since=3) < 0.05 * events(free, "division", since=3)
    # Past G1 when the drug came: two thirds of the cycle lie there, and fewer than two thirds of a growing culture.
    assert 600 < events(held, "division") < 1700


def test_cells_without_rb_do_not_answer():
    held = run(CYCLING, [hold(3)], days=3, **ROOMY, **{"rb.initial.p": 0.0})
    assert (held.counts == run(CYCLING, days=3, **ROOMY).counts).all()


def test_senescence_without_damage_is_the_more_reversible():
    """Claim 19: half of shortly held cells come back; hardly any that doxorubicin made senescent do."""
    held = run(CYCLING, [hold(5)], days=30)
    chemotherapy = run(CYCLING, [pulse("doxorubicin", 0.1, 0, 1)], days=30)
    assert events(held, "cdk46_senescence") > 500
    assert events(held, "arrest", "senescence") == 0
    back = events(held, "cdk46_release") / events(held, "cdk46_senescence")
    escaped = events(chemotherapy, "escape") / events(chemotherapy, "senescence")
    assert back > 0.2
    assert escaped < 0.05


def test_the_longer_the_hold_the_fewer_come_back():
    shares = []
    for days in (2, 7, 21):
        result = run(CYCLING, [hold(days)], days=days + 14)
        shares.append(events(result, "cdk46_release") / events(result, "cdk46_senescence"))
    assert shares[0] > 1.2 * shares[1] > 1.2 * 1.2 * shares[2] > 0


def test_a_deep_arrest_is_kept_without_the_drug_too():
    back = []
    for a, b in ((1.0, 20.0), (20.0, 1.0)):
        lock = {"chromatin_lock.initial.a": a, "chromatin_lock.initial.b": b}
        result = run(CYCLING, [hold(7)], days=21, **lock)
        back.append(events(result, "cdk46_release") / events(result, "cdk46_senescence"))
    assert back[0] > 2 * back[1] > 0


def test_nothing_comes_back_while_the_drug_is_there():
    result = run({"senescent": 5000}, [hold(20, concentration=100.0)], **{"escape.h0": 2e-3, "p53_loss.k": 0.0})
    assert events(result, "escape", "cdk46_release") < 5
    assert events(run({"senescent": 5000}, **{"escape.h0": 2e-3}), "escape") > 100


def test_a_hold_before_doxorubicin_spares_cells_mitotic_catastrophe():
    """They meet the drug in G1 and stay there."""
    dox = pulse("doxorubicin", 0.1, 3, 4)
    alone, held = (run(CYCLING, doses, days=8, **ROOMY, **{"tp53.initial.p": 0.0}) for doses in ([dox], [hold(8), dox]))
    failed = [events(each, "mitotic_catastrophe") / each.counts[0, 3].sum() for each in (alone, held)]
    assert failed[1] < 0.2 * failed[0]
    assert np.isfinite(failed).all()
