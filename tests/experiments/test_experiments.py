"""Virtual experiments."""

import numpy as np
import pytest
import senescape as sn
from senescape import experiments
from senescape._support.statistics import proportion_interval
from senescape.plugins.registry import registered

pytestmark = pytest.mark.biology
DAY = 24.0


def tumour(*plugins, until=20 * DAY, cells=600, dose=0.1, relapse=None, **parameters):
    return sn.Scenario(
        plugins=("biology", *plugins),
        initial={"cycling": cells},
        until=until,
        every=DAY,
        sync=12.0,
        pulses=({"drug": "doxorubicin", "concentration": dose, "start": DAY, "duration": DAY},),
        parameters={"cycle.length": 36.0, "damage.repair": 72.0, **parameters},
        relapse=relapse,
    )


class TestWatch:
    def test_what_is_seen_comes_by_replicate_and_time_in_the_order_asked(self):
        seen = experiments.watch(
            tumour(), [5 * DAY, 0.0], lambda visit: (visit.replicate, visit.time), replicates=2, seed=1
        )
        assert seen == [[(0, 120.0), (0, 0.0)], [(1, 120.0), (1, 0.0)]]

    def test_a_time_that_is_asked_for_twice_is_looked_at_once(self):
        seen = experiments.watch(tumour(), [2 * DAY, DAY, 2 * DAY], lambda visit: visit.time, seed=1)
        assert seen == [[48.0, 24.0, 48.0]]

    def test_visits_are_the_times(self):
        with pytest.raises(sn.ModelError, match="give them as times"):
            experiments.watch(tumour(), [DAY], lambda visit: visit.time, seed=1, visits=1.0)

    def test_what_is_looked_at_does_not_change_what_is_seen(self):
        def look(visit):
            return float(visit.cells["senescent"].depth.sum()), dict(visit.counts)

        plain, deep = (
            experiments.watch(tumour(), [10 * DAY], each, replicates=2, seed=4)
            for each in (lambda visit: dict(visit.counts), look)
        )
        assert [each[0] for each in plain] == [each[0][1] for each in deep]

    def test_a_tumour_that_ended_is_not_seen(self):
        seen = experiments.watch(tumour(relapse={"above": 500}), [0.0, 10 * DAY], lambda visit: 1, seed=1)
        assert seen == [[1, None]]

    def test_a_scenario_with_visits_is_refused(self):
        scenario = tumour().model_copy(update={"visits": 24.0})
        with pytest.raises(sn.ModelError, match="visits"):
            experiments.watch(scenario, [0.0], lambda visit: 1)

    def test_nothing_stays_registered(self):
        from senescape.plugins.registry import known_plugins

        before = known_plugins()
        with pytest.raises(sn.SimulationError, match="ZeroDivisionError"):
            experiments.watch(tumour(), [0.0], lambda visit: 1 / 0, seed=1)
        assert known_plugins() == before


class TestReporter:
    def test_it_says_by_how_much_it_is_wrong(self):
        short = {"return.k": 0.05, "senescence.k": 0.005}
        table = experiments.reporter(tumour(dose=0.03, **short), [3 * DAY, 15 * DAY], replicates=3, seed=2)
        assert table.rows == 6
        late = table["time"] == 15 * DAY
        assert np.all(table["overstated"][late] > 0.05)
        assert np.allclose(table["called"] - table["true"], table["overstated"])
        assert np.all(table["missed"] == 0)

    def test_marks_that_are_not_there_are_named(self):
        with pytest.raises(sn.ModelError, match="did you mean 'p21_reporter'"):
            experiments.reporter(tumour(), [0.0], mark="p21_reportr")


class TestBarcodes:
    def test_founders_are_clones(self):
        table = experiments.barcodes(tumour(), [0.0, 15 * DAY], replicates=2, seed=1)
        start = table["time"] == 0
        assert table["clones"][start].tolist() == [600, 600]
        assert np.allclose(table["effective"][start], 600)
        assert np.all(table["clones"][~start] < 600)
        assert np.all(table["effective"][~start] <= table["clones"][~start])
        assert np.all(table["founders_of_most"][~start] <= table["clones"][~start])

    def test_a_tumour_of_nobody_has_none(self):
        empty = tumour(**{"turnover.hazard": 1.0})
        table = experiments.barcodes(empty, [19 * DAY], seed=1)
        assert table.rows in (0, 1)
        assert not table["clones"].any()

    def test_a_trait_named_clone_is_refused(self):
        class Own:
            @sn.hookimpl
            def senescape_traits(self):
                return [sn.Trait("clone", 1.0)]

        with registered("own-clone", Own()) as name, pytest.raises(sn.ModelError, match="trait 'clone'"):
            experiments.barcodes(tumour(name), [0.0], seed=1)


class TestHistology:
    def test_shares_are_those_of_the_tumour(self):
        scenario = tumour("immunity", "readouts")
        table = experiments.histology(scenario, [0.0, 8 * DAY], counted=10_000, replicates=2, seed=3)
        assert set(table["stain"]) == set(experiments.PANEL)
        plain = sn.simulate(scenario, replicates=2, seed=3)
        row = list(plain.time).index(8 * DAY)
        counts = plain.counts[:, row]
        ki67 = table["share"][(table["stain"] == "ki67") & (table["time"] == 8 * DAY)]
        assert np.allclose(ki67, counts[:, 0] / counts.sum(axis=1))
        sa_bgal = table["positive"][(table["stain"] == "sa_bgal") & (table["time"] == 8 * DAY)]
        seen = plain.observables[:, row, plain.layout.observables.index("sa_bgal")] * counts[:, 2]
        # The observable is over senescent cells alone, the stain over all that stopped.
        assert np.all(sa_bgal >= np.round(seen))
        assert np.all(sa_bgal <= np.round(seen) + counts[:, 1])

    def test_a_section_is_a_fair_sample(self, fresh_seed):
        """Cells positive in 100 of 1,000 or so: the count of a section of 200 is hypergeometric."""
        scenario = tumour(until=2 * DAY, cells=1000)
        half = {"low": experiments.Stain("efflux", 1.0)}
        table = experiments.histology(scenario, [0.0], half, counted=200, replicates=40, seed=fresh_seed)
        assert np.all(table["counted"] == 200)
        # Efflux has its median at 1: a binomial of founders, then a section of them.
        z = (table["share"].mean() - 0.5) / np.sqrt(0.25 / 200 / 40)
        assert abs(z) < 5
        inside = (table["low"] < 0.5) & (table["high"] > 0.5)
        assert inside.sum() >= 29  # 95% of 40 is 38; fewer than 29 has a chance below 1e-5

    def test_the_interval_of_a_share_is_wilsons(self):
        # statsmodels' proportion_confint(count, nobs, method="wilson").
        known = [(8, 10, 0.4901625, 0.9433178), (0, 10, 0.0, 0.2775328), (10, 10, 0.7224672, 1.0)]
        for hits, n, low, high in known:
            assert proportion_interval(hits, n) == pytest.approx((low, high), abs=1e-6)
        assert np.isnan(proportion_interval(0, 0)).all()

    def test_by_default_what_the_model_has_is_stained(self):
        table = experiments.histology(tumour(), [0.0], seed=1)
        assert set(table["stain"]) == {"sa_bgal", "p16", "lamin_b1_loss", "ki67"}

    def test_what_cannot_be_stained_is_named(self):
        with pytest.raises(sn.ModelError, match=r"'p21' reads 'p21', which the model does not have"):
            experiments.histology(tumour(), [0.0], {"p21": experiments.PANEL["p21"]})
        with pytest.raises(sn.ModelError, match="counted"):
            experiments.histology(tumour(), [0.0], counted=0)


class TestSorting:
    def test_the_dimmest_return_first(self):
        scenario = tumour(until=9 * DAY, **{"escape.h0": 0.02, "damage.repair": 24.0, "apoptosis.k": 0.0})
        table = experiments.sort_cells(scenario, 8 * DAY, 20 * DAY, replicates=3, seed=5)
        last = table["time"] == 20 * DAY
        returned = [table["returned"][last & (table["fraction"] == i)].mean() for i in range(3)]
        assert returned[0] > returned[1] > returned[2]
        assert returned[0] > 1.5 * returned[2]
        assert np.all(table["returned"][table["time"] == 0] == 0)
        dim, bright = (table["fraction"] == i for i in (0, 2))
        assert table["high"][dim].max() <= table["low"][bright].max()

    def test_the_same_seed_sorts_the_same(self):
        scenario = tumour(until=9 * DAY)
        tables = [
            experiments.sort_cells(scenario, 8 * DAY, 10 * DAY, fractions=2, replicates=2, seed=5, threads=threads)
            for threads in (1, 2)
        ]
        for name in tables[0]:
            assert np.array_equal(tables[0][name], tables[1][name])

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"by": "dept"}, "did you mean 'depth'"),
            ({"fate": "senscent"}, "did you mean 'senescent'"),
            ({"fractions": 0}, "fractions"),
            ({"at": 0.0}, "0 senescent cells at 0 h"),
        ],
    )
    def test_what_cannot_be_sorted_is_named(self, changed, message):
        given = {"at": 8 * DAY, "until": 10 * DAY, "seed": 1, **changed}
        with pytest.raises(sn.ModelError, match=message):
            experiments.sort_cells(tumour(until=9 * DAY), given.pop("at"), given.pop("until"), **given)


class TestRechallenge:
    def test_both_groups_are_treated_and_compared(self):
        scenario = tumour(
            cells=1000,
            dose=0.06,
            **{"escape.h0": 0.05, "cycle.capacity": 4000.0, "turnover.hazard": 0.008, "damage.repair": 36.0},
        )
        table = experiments.rechallenge(scenario, 40 * DAY, traits=["efflux"], replicates=3, seed=2)
        back, fresh = (table["group"] == group for group in ("repopulating", "untreated"))
        assert back.sum() == fresh.sum() == 3
        assert np.all(table["of_which_marked"][back] > 50)
        assert np.all(table["of_which_marked"][fresh] == 0)
        assert np.all(table["response"] < 0.9)
        assert np.all(table["mean_efflux"] > 0.5)

    def test_without_a_course_there_is_nothing_to_repeat(self):
        with pytest.raises(sn.ModelError, match="nothing to give again"):
            experiments.rechallenge(tumour().model_copy(update={"pulses": ()}), 40 * DAY)
        with pytest.raises(sn.ModelError, match="later"):
            experiments.rechallenge(tumour(), 10.0)


class TestVolume:
    def test_cells_that_stopped_are_larger_and_the_dead_stay_for_a_while(self):
        result = sn.simulate(tumour(), replicates=2, seed=1)
        small, large = (experiments.tumour_volume(result, large=f, clearance=1e6) for f in (1.0, 2.0))
        assert np.allclose(small, result.counts.sum(axis=2))
        assert np.allclose(large - small, result.counts[:, :, 1:].sum(axis=2))
        kept = experiments.tumour_volume(result, large=1.0, clearance=1e-9)
        assert np.allclose(kept, result.counts.sum(axis=2) + result.deaths.sum(axis=2))

    def test_with_readouts_volume_is_followed(self):
        result = sn.simulate(tumour("readouts"), replicates=2, seed=1)
        followed = experiments.tumour_volume(result)
        counted = experiments.tumour_volume(result, large=1.25)
        assert np.array_equal(followed, counted)
        cells = experiments.tumour_volume(sn.simulate(tumour(), replicates=2, seed=1), large=1.25)
        late = list(result.time).index(15 * DAY)
        # Enlarged within days; before that they are smaller than at once.
        assert np.allclose(followed[:, late], cells[:, late], rtol=0.2)
        assert not np.array_equal(followed, cells)

    def test_an_observable_of_another_plugin_is_no_volume(self):
        class Own:
            @sn.hookimpl
            def senescape_observables(self):
                return [sn.Observable("volume_cycling", "cycling", lambda cell, env, p: 7.0, kind="sum")]

        with registered("own-volume", Own()) as name:
            result = sn.simulate(tumour(name, until=2 * DAY), seed=1)
        volume = experiments.tumour_volume(result, large=1.0, clearance=1e6)
        assert np.allclose(volume, result.counts.sum(axis=2))

    def test_responses_are_called_as_recist_would(self):
        strong = tumour(dose=0.3, **{"apoptosis.k": 0.2, "turnover.hazard": 0.05}, until=30 * DAY)
        called = experiments.response(sn.simulate(strong, replicates=2, seed=1))
        assert called["best"].tolist() == ["CR", "CR"]
        grown = experiments.response(sn.simulate(tumour(dose=0.0), replicates=2, seed=1))
        assert grown["best"].tolist() == ["PD", "PD"]
        assert np.all(grown["nadir"] == 1)
        assert np.all(grown["progression_time"] < 5 * DAY)
        held = experiments.response(sn.simulate(tumour(dose=0.1), replicates=2, seed=1))
        assert set(held["best"]) <= {"SD", "PR", "PD"}

    def test_sizes_that_are_none_are_refused(self):
        result = sn.simulate(tumour(until=DAY), seed=1)
        with pytest.raises(sn.ModelError, match="clearance"):
            experiments.tumour_volume(result, clearance=0.0)


class TestWrongKinds:
    @pytest.mark.parametrize(
        ("call", "words"),
        [
            (lambda: experiments.watch("mcf7-doxorubicin", [0.0], len), r"read by sn.load\('mcf7-doxorubicin'\)"),
            (lambda: experiments.watch(tumour().model, [0.0], len), "no sn.Scenario"),
            (lambda: experiments.watch(tumour(), ["noon"], len), "times = .* are not times"),
            (lambda: experiments.watch(tumour(), [], len), "times must hold"),
            (lambda: experiments.watch(tumour(), [-1.0], len), "times must hold times from 0 to before until = 480 h"),
            (lambda: experiments.watch(tumour(), [30.0], len, until=DAY), "before until = 24 h"),
            (lambda: experiments.watch(tumour(), [0.0], None), "look=None"),
            (lambda: experiments.reporter(None, [0.0]), "reporter: None is no sn.Scenario"),
            (lambda: experiments.barcodes(tumour(), [0.0], fates="cyclin"), "did you mean 'cycling'"),
            (lambda: experiments.histology(tumour(), [0.0], ["ki67"]), "panel = .* its name"),
            (lambda: experiments.histology(tumour(), [0.0], {"ki67": 1}), "the stain 'ki67' is 1"),
            (lambda: experiments.histology(tumour(), [0.0], counted="all"), "counted = 'all'"),
            (lambda: experiments.sort_cells(tumour(), DAY, 5 * DAY, fractions=1.5), "fractions = 1.5"),
            (lambda: experiments.sort_cells(tumour(), DAY, "later"), "until = 'later'"),
            (lambda: experiments.rechallenge(tumour(), "later"), "at = 'later'"),
            (lambda: experiments.tumour_volume(tumour()), "no sn.Result"),
        ],
    )
    def test_are_told_by_name(self, call, words):
        with pytest.raises(sn.ModelError, match=words):
            call()

    def test_one_fate_and_one_time_need_no_list(self):
        one = experiments.barcodes(tumour(), DAY, fates="cycling", seed=1)
        assert (
            one["clones"].tolist()
            == experiments.barcodes(tumour(), [DAY], fates=["cycling"], seed=1)["clones"].tolist()
        )
