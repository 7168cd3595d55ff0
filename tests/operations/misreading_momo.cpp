// A version of the MoMo plugin whose reading of callbacks was broken. Its provider.cpp is compiled with this
// function under another name in the place of the plugin's own decode_callback
// (tests/operations/CMakeLists.txt).
#include "wire.hpp"

namespace momo {

payoutd::Result<Callback> decode_callback(std::string_view) {
  return payoutd::Problem{"body", "is not the format of 2027"};
}

}  // namespace momo
