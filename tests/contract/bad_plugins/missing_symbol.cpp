// A library, but not a plugin: PAYOUTD_PLUGIN was forgotten.
#include "plugin_base.hpp"

extern "C" BOOST_SYMBOL_EXPORT int some_other_symbol();
int some_other_symbol() {
  return 1;
}
