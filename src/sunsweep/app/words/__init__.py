"""The app's words in the language of whoever reads them.

English stands in the source. A name is resolved at call time, so that what is drawn after `use` is in the new language;
tables of the module level mark theirs with `N_` and translate where they are read. Placeholders have names
(`_("Stop {n} machines").format(n=…)`), and the one that counts is `n`.
"""

from sunsweep.app.words.bidi import isolate, listed
from sunsweep.app.words.catalogue import N_, gettext, is_rtl, language, ngettext, pgettext, use

_ = gettext

__all__ = ["N_", "_", "gettext", "is_rtl", "isolate", "language", "listed", "ngettext", "pgettext", "use"]
