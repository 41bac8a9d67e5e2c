"""For tests of plugins: the conformance test of a rule, in one line.

from senescape.testing import check_rule

def test_navitoclax():
    check_rule(my_plugin.senescape_senolytics()[0], drug="navitoclax", increasing="bcl_xl")
"""

from senescape.testing.check import RuleCheckError, check_rule

__all__ = ["RuleCheckError", "check_rule"]
